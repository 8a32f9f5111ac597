"""How far a model file may be from what it must compute, and why so far. One that is farther off is not written.

What the tests allow beside that stands in `tests/helpers/tolerances.py`.
"""

from collections.abc import Mapping

FORECAST: Mapping[str, float] = {"none": 1e-5, "int8": 1e-5, "int4": 1e-5, "int8-dynamic": 0.05}
"""Quantisation -> largest deviation from the oracle, as a share of a target's standard deviation.

The oracle of a file with rounded weights has these too, so only the arithmetic may differ; int8-dynamic rounds the
activations as well.
"""

STATE: Mapping[str, float] = {"none": 1e-5, "int8": 1e-5, "int4": 1e-5, "int8-dynamic": 1.0}
"""Quantisation -> largest deviation of a recurrent state, which lies between -1 and 1; an LSTM's cell may leave that
range, and is then compared by its size."""

MODULE = 1e-4
"""Largest difference of the layers found in a PyTorch module from the module, as a share of the largest number that it
gives. The module computes in float32; a layer that was misread is off by far more."""
