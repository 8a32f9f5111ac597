"""Ten million samples with faults in them."""
