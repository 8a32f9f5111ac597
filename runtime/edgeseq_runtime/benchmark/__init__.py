"""Times of a model on this machine."""
