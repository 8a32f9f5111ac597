"""Series that need no file of the user's: the sine, and the real one that ships with the package."""

from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import numpy as np

from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts

SINE_WARMUP = 10
"""Samples that the classic program gives before its first forecast."""

_SINE_TRAIN = 9009
"""Rows of the sine's training range that teach; the rest of it validates."""


def sine() -> tuple[Series, Parts]:
    """Return the sine as the classic program builds it, all in float32.

    10,010 points of sin over 0 to 100.1 for training, the last tenth of them for validation; 1,010 points
    over 100.1 to 110.2 for test, a stream of its own: ten samples of warm-up, then 1,000 forecasts.
    """
    train = np.sin(np.linspace(0, 100.1, 10010, dtype=np.float32))[:, None]
    test = np.sin(np.linspace(100.1, 110.2, 1010, dtype=np.float32))[:, None]
    series = Series("sine", ("sine",), ("",), 1, train, np.arange(len(train)))
    parts = Parts(train[:_SINE_TRAIN], Part(train, _SINE_TRAIN), Part(test, SINE_WARMUP), warmup=SINE_WARMUP)
    return series, parts


def sine_continued(samples: int) -> Values:
    """Return the sine beyond the test range, (samples, 1): the same frequency and spacing, computed in float64."""
    return np.asarray(np.sin(110.2 + 0.01 * np.arange(samples))[:, None], np.float32)


def co2_path() -> Path:
    """Return the file with the weekly CO2 at Mauna Loa, 1958 to 2001, in ppm. Public domain."""
    return Path(str(resources.files("edgeseq.series").joinpath("mauna_loa_co2.csv")))


EXAMPLES: Mapping[str, tuple[Callable[[], Path], Mapping[str, str]]] = {"co2": (co2_path, {"co2": "ppm"})}
"""Names that stand for a file inside the package, with the units of its columns."""
