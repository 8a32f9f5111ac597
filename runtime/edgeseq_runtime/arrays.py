"""The array types that the packages share."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Float32: TypeAlias = npt.NDArray[np.float32]
"""What the step function computes with."""

Float64: TypeAlias = npt.NDArray[np.float64]
"""What statistics, training data and the oracle are computed with."""

States: TypeAlias = dict[str, Float32]
"""Name of a state -> its value, in the spec's shape."""
