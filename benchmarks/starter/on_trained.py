"""A model of edgeseq that is trained on the first four fifths of the series, by the defaults, and then adapts."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from benchmarks.starter.figures import Forecasts, Task
from benchmarks.starter.on_starter import streamed
from edgeseq_runtime import Predictor
from edgeseq_runtime.arrays import Float64


@dataclass(frozen=True)
class OnTrained:
    """What `edgeseq train` makes."""

    steps: int | None = None
    """Of training, for a quick try; None: the default."""
    name: str = "trained, adapted"
    note: str = "edgeseq's default model, trained on the first four fifths, adapting from its validation part on"
    missing: str = ""

    def forecasts(self, task: Task) -> Forecasts:
        """Train, export and stream; of its forecasts only those of the last fifth count."""
        begin = task.start * 7 // 8  # a default split, 0.7:0.1:0.2
        with tempfile.TemporaryDirectory() as folder:
            split = f"{begin}:{task.start - begin}:{len(task.values) - task.start}"
            series, parts = edgeseq.load(_written(task.values, Path(folder)), split=split)
        model = edgeseq_export.build(edgeseq.fit(series, parts, horizon=task.horizon, steps=self.steps))
        static = Predictor(model, provider="cpu", monitor=True, adapt=False)
        static.run(task.values[:begin])
        adapting = Predictor(static.session, monitor=True, adapt=True)
        adapting.restore(static.snapshot())
        found = streamed(adapting, Task(task.values[begin:], task.horizon))
        assert found.held is not None
        made, held = (_from(one, begin, task.start) for one in (found.made, found.held))
        return Forecasts(made, held)


def _written(values: Float64, folder: Path) -> Path:
    path = folder / "series.csv"
    path.write_text("value\n" + "".join(f"{value!r}\n" for value in values.tolist()))
    return path


def _from(part: Float64, begin: int, start: int) -> Float64:
    """Return an array that begins with row `begin` as one of the whole series; only the rows from `start` on count."""
    whole = np.pad(part, ((begin, 0), (0, 0)), constant_values=np.nan)
    whole[:start] = np.nan
    return whole
