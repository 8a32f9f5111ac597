"""`laplace` of the package skaters: an ensemble that learns online, one sample after the other, from the first on.

Its JavaScript has the numbers of its Python (2e-16 off in the forecasts of 300 samples) in a fifth of the time.
"""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.starter.figures import LAST, LEVEL, Forecasts, Task
from edgeseq_runtime.arrays import Float64

_INDEX = Path(sys.prefix, "node_modules", "skaters", "index.mjs")
"""Where `make starter-table` installs it."""


@dataclass(frozen=True)
class OnSkaters:
    """The package's general forecaster, by its defaults but for the tails of its distributions."""

    name: str = "skaters"
    note: str = "laplace of skaters 0.16, streamed from the first sample, scaled by the first 300, with Gaussian tails"
    index: Path = _INDEX

    @property
    def missing(self) -> str:
        """What must be installed for it and is not."""
        return ("" if self.index.exists() else "skaters") if shutil.which("node") else "node"

    def forecasts(self, task: Task) -> Forecasts:
        """Stream the series.

        Its power transform is no good for numbers of a million: it gets distances from the first sample, in deviations
        of the first 300 samples.
        """
        scale = task.values[:LAST].std() or 1.0
        scaled = (task.values - task.values[0]) / scale
        script = Path(__file__).with_name("skaters.mjs")
        command = [shutil.which("node") or "node", str(script), str(self.index), str(task.horizon)]
        done = subprocess.run(command, input=json.dumps(scaled.tolist()).encode(), capture_output=True, check=True)
        made, places = np.frombuffer(done.stdout).reshape(len(task.values), 2, task.horizon).swapaxes(0, 1)
        return Forecasts(task.values[0] + made * scale, held(places))


def held(places: Float64) -> Float64:
    """Return whether each forecast's interval held what came, (time, horizon): 1 or 0, NaN where nothing came.

    `places[row, step - 1]` says where the sample of that row lies in the distribution that was forecast `step` before.
    """
    inside = np.full(places.shape, np.nan)
    for step, place in enumerate(places.T, start=1):
        known = np.isfinite(place[step:])
        inside[:-step, step - 1] = np.where(known, np.abs(place[step:] - 0.5) <= LEVEL / 2, np.nan)
    return inside
