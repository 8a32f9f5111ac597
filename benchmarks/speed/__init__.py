"""Speed and memory of one model on this machine, as ratios."""
