"""How good the starter is on real series that it has never seen: from the first samples on, and in the last fifth.

    python -m benchmarks.accuracy.starter RUN --series FOLDER [--series FILE] [--horizon 24]

RUN is the folder of a training (`make starter`). Each column of numbers of each CSV file is a series, row after row as
the file has them; CO2 comes with the package. The first figure is the mean squared error after samples 16 to 300 as a
share of persistence's. The second is that over the last fifth, as a share of the best of persistence, seasonal naive
and a ridge regression on 96 lags, which the first four fifths taught. A series that does not change has no figure, and
one that is exactly periodic none in the last column. Beside them stands the last fifth as a share of persistence's.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from benchmarks.common import arguments, publish
from edgeseq.evaluation import ridge
from edgeseq.evaluation.lagged import LaggedDistances
from edgeseq.series.analysis import season_length
from edgeseq.series.gaps import fill
from edgeseq.starter import training
from edgeseq.starter.network import HORIZON, Network
from edgeseq_runtime.arrays import Float64

FIRST, LAST = 16, 300
"""Samples after which forecasts are young ones, counted from 1."""

LAGS = 96
"""Samples that the ridge regression looks back at."""

Rows: TypeAlias = npt.NDArray[np.int64]
"""After which forecasts are made."""

EXACT = 1e-6
"""Share of the series' variance that every smaller squared error counts as."""

FIGURES = ("young/persistence", "late/persistence", "late/best", "late/best, not periodic")

LEAST = 600
"""Samples that a series must have."""


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = arguments("Measure the starter on real series.")
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a training")
    parser.add_argument(
        "--series", type=Path, action="append", default=[], metavar="PATH", help="CSV files, or folders"
    )
    parser.add_argument("--horizon", type=int, default=24, help=f"samples ahead, up to {HORIZON} (24)")
    options = parser.parse_args(words)
    if not 1 <= options.horizon <= HORIZON:
        parser.error(f"--horizon is {options.horizon}, must be 1 to {HORIZON}")
    network, _, steps = training.load(options.run / "run.safetensors")
    series = dict(all_series(options.series))
    made = forecasts(network, list(series.values()), options.horizon)
    rows = [{"series": name, **measure(series[name], one)} for name, one in zip(series, made, strict=True)]
    rows += summary(rows)
    publish(f"The starter after {steps} steps, {options.horizon} samples ahead", rows, options.json)


def forecasts(network: Network, series: Sequence[Float64], horizon: int) -> list[Float64]:
    """Return the forecasts (time, horizon) of each series (time,), all of them streamed side by side."""
    longest = max(len(values) for values in series)
    scales = [float(values.std()) or 1.0 for values in series]
    scaled = [(values - values[0]) / scale for values, scale in zip(series, scales, strict=True)]
    padded = np.stack([np.pad(values, (0, longest - len(values)), "edge") for values in scaled], axis=1)
    made = network.stream(torch.from_numpy(padded.astype(np.float32)))[:, :, :horizon].numpy()
    return [
        made[: len(values), number].astype(np.float64) * scale + values[0]
        for number, (values, scale) in enumerate(zip(series, scales, strict=True))
    ]


def measure(values: Float64, made: Float64) -> dict[str, Any]:
    """Return the figures of a series (time,) and of forecasts (time, horizon) of it; None where nothing changes."""
    horizon = made.shape[1]
    young = np.arange(FIRST - 1, LAST)
    own, persistence = (mse(one, values, young) for one in (made, np.repeat(values[:, None], horizon, axis=1)))
    start = len(values) * 4 // 5
    late = np.arange(start, len(values) - horizon)
    least = EXACT * float(values.var())
    others = {name: max(mse(one, values, late), least) for name, one in baselines(values, start, horizon).items()}
    best = min(others, key=others.__getitem__)
    share = max(mse(made, values, late), least) / others[best] if others[best] > 0 else None
    return {
        "young/persistence": own / persistence if persistence > 0 else None,
        "late/persistence": mse(made, values, late) / others["persistence"] if share is not None else None,
        "late/best": share,
        "best": best,
        "late/best, not periodic": None if is_periodic(values, start) else share,
    }


def mse(forecasts: Float64, values: Float64, at: Rows) -> float:
    """Return the mean squared error of forecasts (time, horizon) that are made after the rows `at`."""
    return float(np.mean(np.square(forecasts[at] - truths(values, forecasts.shape[1], at))))


def truths(values: Float64, horizon: int, at: Rows) -> Float64:
    """Return what came after each of the rows `at`, (row, horizon)."""
    return np.asarray(values[at[:, None] + np.arange(1, horizon + 1)])


def baselines(values: Float64, start: int, horizon: int) -> Mapping[str, Float64]:
    """Return forecasts (time, horizon) by name; what has to be learned is learned from the samples before `start`."""
    rows, ahead = np.arange(len(values))[:, None], np.arange(1, horizon + 1)
    found = {"persistence": np.repeat(values[:, None], horizon, axis=1), "ridge": _ridge(values, start, horizon)}
    season = season_length(fill(values[:start, None].astype(np.float32)))
    if season and season < start:
        before = rows + ahead - -(-ahead // season) * season
        found["seasonal naive"] = values[np.where(before >= 0, before, rows)]
    return found


def _ridge(values: Float64, start: int, horizon: int) -> Float64:
    """Return the forecasts of a ridge regression.

    The last fifth of what teaches it chooses its penalty; it is then fitted on all of that.
    """
    scaled = (values - values[0]) / (values.std() or 1.0)
    padded = np.pad(scaled, (LAGS - 1, 0), "edge")[:, None]
    design = LaggedDistances(padded, np.arange(LAGS - 1, len(padded)), LAGS - 1)
    teaching = np.arange(LAGS, start - horizon)
    inner, chosen = np.split(teaching, [len(teaching) * 4 // 5])
    inner = inner[: len(inner) - horizon]

    def changes(at: Rows) -> Float64:
        return np.asarray(truths(scaled, horizon, at) - scaled[at][:, None])

    fitted = ridge.solve(design, inner, changes(inner), ridge.PENALTIES)
    errors = ridge.squares(design, chosen, changes(chosen), fitted).sum(axis=1)
    penalty = ridge.PENALTIES[int(np.argmin(errors))]
    final = ridge.solve(design, teaching, changes(teaching), [penalty])[0]
    made = ridge.predict(design, np.arange(len(values)), final)
    return np.asarray(values[:, None] + made * (values.std() or 1.0))


def is_periodic(values: Float64, start: int) -> bool:
    """Whether the samples from `start` on repeat those of some samples before, but for `EXACT`."""
    late = values[start:]
    earlier = np.lib.stride_tricks.sliding_window_view(values[:-1], len(late))[::-1]  # by lag
    return any(float(np.mean(np.square(late - one))) <= EXACT * float(late.var()) for one in earlier)


def summary(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the geometric mean, the median and the worst of each figure."""
    figures: dict[str, list[float]] = {name: [row[name] for row in rows if row[name] is not None] for name in FIGURES}
    kinds: dict[str, Callable[[list[float]], float]] = {
        "geometric mean": lambda values: float(np.exp(np.mean(np.log(values)))),
        "median": lambda values: float(np.median(values)),
        "worst": max,
    }
    return [
        {"series": kind, **{name: of(values) if values else None for name, values in figures.items()}, "best": ""}
        for kind, of in kinds.items()
    ]


def all_series(paths: Sequence[Path]) -> Iterator[tuple[str, Float64]]:
    """Yield CO2, then the columns of numbers of all CSV files at or below the paths: name, values (time,)."""
    inside = package_files("edgeseq.series").joinpath("mauna_loa_co2.csv")
    yield from columns("co2", inside.read_text().splitlines())
    for path in paths:
        for file in sorted(path.rglob("*.csv")) if path.is_dir() else [path]:
            yield from columns(file.stem, file.read_text().splitlines())


def columns(name: str, lines: Sequence[str]) -> Iterator[tuple[str, Float64]]:
    """Yield the columns of a table that hold numbers, but for the first, which is the time.

    For a missing value stands the one before it.
    """
    header, *body = csv.reader(lines)
    for place, title in enumerate(header[1:], start=1):
        values: list[float] = []
        for cell in (row[place] for row in body):
            if cell or values:
                values.append(float(cell) if cell else values[-1])
        if len(values) >= LEAST:
            yield f"{name} {title}" if len(header) > 2 else name, np.array(values)


if __name__ == "__main__":
    main()
