"""Series that need no file of the user's: the sine, and the real one that ships with the package."""

from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from edgeseq.series import gaps
from edgeseq.series.series import Series, Values
from edgeseq.series.split import Part, Parts, Split
from edgeseq_runtime.errors import UsageError

DEFAULT_SPLIT = "0.7:0.1:0.2"

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


def load(
    name: str | None,
    *,
    targets: Sequence[str] = (),
    features: Sequence[str] = (),
    time: str | None = None,
    split: str | None = None,
    units: Mapping[str, str] | None = None,
    gap_limit: int = gaps.LIMIT,
    every: str | None = None,
    sort: bool = False,
    period: float | None = None,
    clocks: Sequence[str] = (),
) -> tuple[Series, Parts]:
    """Return the series that a user names, and its parts: a file, an example, or None for the sine.

    `every` averages samples over intervals such as "15min", `sort` puts rows in the order of their times; `period`,
    in seconds, is what a model was trained on: a series with another is refused; `clocks` are features read off the
    times, such as hour_sin. Raises `UsageError` for what does not exist and `DataError` for what cannot be used.
    """
    if name is None or (name == "sine" and not Path(name).exists()):
        chosen = (features, time not in (None, "none"), split, units, every, sort, clocks)
        if set(targets) - {"sine"} or any(chosen):
            raise UsageError("the sine has one column and a split of its own: give a series to choose others")
        return sine()
    from edgeseq.series import reader

    path, known_units = name, units or {}
    if name in EXAMPLES and not Path(name).exists():
        find, example_units = EXAMPLES[name]
        path, known_units = str(find()), {**example_units, **known_units}
    if not Path(path).is_file():
        examples = ", ".join(["sine", *EXAMPLES])
        raise UsageError(f"there is no file {name!r}, and no example of that name ({examples})")
    parsed = Split.parse(split or DEFAULT_SPLIT)
    series = reader.read(
        path,
        targets=targets,
        features=features,
        time=time,
        units=known_units,
        gap_limit=gap_limit,
        every=every,
        sort=sort,
        period=period,
        clocks=clocks,
    )
    unused = [column for column in units or {} if column not in series.columns]
    if unused:
        raise UsageError(f"a unit is given for {unused[0]!r}, but the columns in use are {', '.join(series.columns)}")
    return series, parsed.apply(series)
