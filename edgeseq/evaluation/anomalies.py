"""The alarms of a model over part of a series: how many, of what kind, and how well they meet labelled windows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq.evaluation import nab_score
from edgeseq.evaluation.learning import AS_THEY_COME, Learner
from edgeseq.evaluation.samples import Samples
from edgeseq.evaluation.windows import Window
from edgeseq.series.series import Values
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.arrays import Float32, Float64
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.spec import Spec

RATES = (1e-2, 1e-3, 1e-4)
"""Nominal rates at which p-values are counted."""


@dataclass(frozen=True)
class Labelled:
    """How alarms met labelled windows."""

    windows: int
    found: int
    """Windows with an alarm."""
    inside: int
    """Alarms within one."""
    outside: int
    delay: float
    """Mean number of rows from a window's begin to its first alarm, of those that have one; NaN where none has."""
    nab: float
    """The Numenta benchmark's score under its standard profile: 0 for no alarm at all, 100 for perfect ones."""

    @property
    def precision(self) -> float:
        """Share of the alarms that lie within a window; NaN without alarms."""
        return self.inside / alarms if (alarms := self.inside + self.outside) else math.nan

    @property
    def recall(self) -> float:
        """Share of the windows with an alarm; NaN without windows."""
        return self.found / self.windows if self.windows else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        numbers = {"precision": self.precision, "recall": self.recall, "delay": self.delay, "nab": self.nab}
        known = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        return {"windows": self.windows, "found": self.found, "inside": self.inside, "outside": self.outside, **known}


@dataclass(frozen=True)
class AlarmReport:
    """The p-values and alarms of consecutive rows."""

    spec: Spec
    values: Values
    """The stream (time, feature)."""
    seconds: Float64 | None
    """When each row was measured (time,); None where that is not known."""
    rate: float
    """Of false alarms, by sample."""
    rows: npt.NDArray[np.int64]
    """Those of the stream that were watched."""
    p_values: Float32
    """Of these, all targets together; NaN where there is none."""
    codes: npt.NDArray[np.int8]
    """0, or of which kind the alarm is."""
    windows: Sequence[Window] | None = None
    """Labelled ones, as rows of the stream; None where nothing is labelled."""

    @property
    def alarms(self) -> npt.NDArray[np.int64]:
        """The rows with one."""
        return self.rows[self.codes > 0]

    @property
    def kinds(self) -> Mapping[str, int]:
        """Kind of alarm -> how many, of those that there were."""
        words = [ANOMALIES_BY_CODE[code] for code in self.codes[self.codes > 0].tolist()]
        return {word: words.count(word) for word in ANOMALIES_BY_CODE if word in words}

    @property
    def samples(self) -> int:
        """How many rows have a p-value."""
        return int(np.isfinite(self.p_values).sum())

    def share_below(self, rate: float) -> float:
        """Return the share of p-values below a rate; NaN where there are none."""
        return float((self.p_values < rate).sum() / self.samples) if self.samples else math.nan

    @property
    def labelled(self) -> Labelled | None:
        """How the alarms met the windows that have a row that was watched; None where nothing is labelled."""
        if self.windows is None:
            return None
        first = int(self.rows[0])
        windows = [(max(begin, first) - first, end - first) for begin, end in self.windows if end >= first]
        marked = self.codes > 0
        met = [np.flatnonzero(marked[begin : end + 1]) for begin, end in windows]
        inside, found = sum(len(alarms) for alarms in met), [int(alarms[0]) for alarms in met if len(alarms)]
        score = nab_score.at_threshold([nab_score.Labels(len(marked), windows)], [marked.astype(np.float64)], 1.0).score
        delay = sum(found) / len(found) if found else math.nan
        return Labelled(len(windows), len(found), inside, int(marked.sum()) - inside, delay, score)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as `--json` prints them."""
        labelled = {} if self.labelled is None else {"labelled": self.labelled.to_dict()}
        rates = {f"{rate:g}": self.share_below(rate) for rate in sorted({*RATES, self.rate}, reverse=True)}
        return {
            "rate": self.rate,
            "samples": self.samples,
            "below": {rate: share if math.isfinite(share) else None for rate, share in rates.items()},
            "alarms": len(self.alarms),
            "kinds": dict(self.kinds),
            **labelled,
        }


def watch(
    predictor: Predictor,
    values: Values,
    stream: Learner,
    rate: float,
    *,
    adapt: bool,
    seconds: Float64 | None = None,
    windows: Sequence[Window] | None = None,
) -> AlarmReport:
    """Stream a series, and look for anomalies from the row on at which `stream` begins to learn.

    `predictor` is one without adaptation; it is left at the end of some row. What a fresh stream knows of surprises is
    what the model file says. Raises `DataError` for a model without residual quantiles, `UsageError` for one that
    cannot adapt where `adapt` is on.
    """
    watcher = Predictor(predictor.session, rules=AS_THEY_COME, adapt=adapt, anomalies=rate)
    samples = Samples(predictor.spec, values)
    predictor.reset()
    samples.run(predictor, stream.begin, stream.learns)
    watcher.load(predictor.state())
    outcomes = samples.process(watcher, stream.learns, stream.stop)
    assert outcomes.p_values is not None
    assert outcomes.anomaly is not None
    rows = np.arange(stream.learns, stream.stop)
    p_values = outcomes.p_values[:, -1]
    return AlarmReport(predictor.spec, values, seconds, rate, rows, p_values, outcomes.anomaly, windows)
