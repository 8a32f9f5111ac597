"""One network for many sensors of one kind, and one call for all their samples.

    python many_sensors.py

Each sensor is scaled by its own level and size, which the model file keeps by the sensor's name. A sensor that training
did not see learns its own from a few of its samples. Writes tank-1.csv, tank-2.csv, tank-3.csv and tanks.onnx.
"""

from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Pool


def tank(level: float, size: float, seed: int, samples: int = 600) -> np.ndarray:
    """Return made-up fill levels, (time,): a cycle of 24 samples and noise, at a tank's own level and size."""
    random = np.random.default_rng(seed)
    return level + size * (np.sin(np.arange(samples) * 2 * np.pi / 24) + 0.05 * random.standard_normal(samples))


KNOWN = {"tank-1": (20.0, 1.0), "tank-2": (150.0, 8.0), "tank-3": (900.0, 40.0)}
for number, (name, (level, size)) in enumerate(KNOWN.items()):
    np.savetxt(f"{name}.csv", tank(level, size, number), header="fill", comments="", fmt="%.4f")

series, parts = edgeseq.load([f"{name}.csv" for name in KNOWN], targets=["fill"], time="none")
checkpoint = edgeseq.fit(series, parts, hidden=12, steps=60)
Path("tanks.onnx").write_bytes(edgeseq_export.export(checkpoint).content)

# The streams of the three tanks, and of a new one, each a row of `fresh`.
fresh = np.array([tank(*KNOWN[name], seed=100 + row) for row, name in enumerate(KNOWN)] + [tank(400.0, 15.0, seed=103)])
pool = Pool("tanks.onnx")
pool.add(*KNOWN, "tank-4")  # a stream by the name of a sensor that training saw is that sensor's
pool.set_sensor("tank-4", fresh[3, :100])  # level and size from what it has measured so far

errors, persistence = [], []
for now in range(100, 599):
    forecasts = pool.step_array(fresh[:, now])  # float32, shape (stream, horizon, target), rows as in pool.names
    if all(pool.warm.values()):
        errors.append(forecasts[:, 0, 0] - fresh[:, now + 1])
        persistence.append(fresh[:, now] - fresh[:, now + 1])

for row, name in enumerate(pool.names):
    rmse, of_last = (np.sqrt(np.mean(np.square(each), axis=0))[row] for each in (errors, persistence))
    print(f"{name}: RMSE {rmse:.3f}, persistence {of_last:.3f}")
