"""One file for each engine that streams the network."""
