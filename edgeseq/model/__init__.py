"""What a network is made of, the checkpoint that holds it, and what its numbers mean."""
