"""Training: what the data decide, the network, the loop, and how the result is judged."""
