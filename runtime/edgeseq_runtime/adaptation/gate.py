"""The gate at each knot: adapted forecasts go out only while they have done clearly better than the network's own.

It opens where, over some hundred samples, the network has lost more than `MARGIN` of its largest squared errors
against what was said instead: one lucky forecast opens none.
"""

import numpy as np

MEMORY = np.float32(0.995)
"""Weight in the gate's sums of a squared error after each further one."""

WORST = np.float32(64.0)
"""The largest squared error, in squared typical changes, that the gate counts."""

MARGIN = np.float32(2.0)
"""The gate opens where the network has lost more than so many of its largest squared errors."""

MOST_TAUGHT = 2.0**24
"""Samples that taught, where float32 stops counting."""
