"""How many truths the starter's 90 % intervals hold on made-up series, by a stream's age and by step ahead.

    python -m benchmarks.starter.coverage [--series N] [--samples N] [--horizon 24]

The series are drawn with another seed than those that the starter was trained with, and that its widths are of. A row
is of the forecasts made between two ages: the mean over the series at some steps ahead and over all, the deviation of
that between series, and the share of series that have 85 to 95 % over all steps.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.common import arguments, publish
from benchmarks.starter.figures import COVERED_FROM, Task
from benchmarks.starter.on_starter import OnStarter
from edgeseq.starter import made_up
from edgeseq_runtime.arrays import Float64

SEED = 4_000_003

AGES = (COVERED_FROM, 300, 1_000, 4_000)
"""Samples between which coverage is taken together."""

STEPS = (1, 6, 12, 24)
"""Steps ahead of which each has a column."""

LEAST, MOST = 0.85, 0.95
"""Between these the coverage of a series counts as right."""


def main(words: list[str] | None = None) -> None:
    """Print a row for each age, and one for all."""
    parser = arguments("Measure the coverage of the starter's intervals on made-up series.")
    parser.add_argument("--series", type=int, default=150, help="how many (150)")
    parser.add_argument("--samples", type=int, default=AGES[-1], help=f"of each ({AGES[-1]})")
    parser.add_argument("--horizon", type=int, default=24, help="samples ahead (24)")
    options = parser.parse_args(words)
    values = made_up.series(np.random.default_rng(SEED), options.series, options.samples + options.horizon)
    tasks = {str(number): Task(series, options.horizon) for number, series in enumerate(values)}
    held = [said.held for said in OnStarter(adapt=True).forecasts(tasks).values()]
    rows = list(by_age(np.stack([one[: options.samples] for one in held if one is not None], axis=1)))
    publish(f"Coverage of 90 % intervals, {options.series} made-up series", rows, options.json)


def by_age(held: Float64) -> Iterator[dict[str, Any]]:
    """Yield a row for each age of what was held, 1 or 0, (time, series, step); NaN where no interval counts."""
    edges = [*(age for age in AGES if age < len(held)), len(held)]
    for start, stop in [*pairwise(edges), (COVERED_FROM, len(held))]:
        part = held[start - 1 : stop - 1]
        counts = np.isfinite(part).any(axis=(0, 2))
        by_step = np.nanmean(part[:, counts], axis=0)
        mean = by_step.mean(axis=1)
        steps = {f"{step} ahead": float(by_step[:, step - 1].mean()) for step in STEPS if step <= by_step.shape[1]}
        within = float(((mean >= LEAST) & (mean <= MOST)).mean())
        yield {
            "age": f"{start} to {stop - 1}",
            **steps,
            "all": float(mean.mean()),
            "sd": float(mean.std()),
            "within": within,
        }


if __name__ == "__main__":
    main()
