"""A CSV of your own: read, train, export with int8 weights, and judge on samples that training never saw.

    python own_csv.py [FILE COLUMN]

The file needs a header and a numeric column; a column of times is found by its name. Without arguments it makes up a
boiler's hourly temperatures. Writes own.onnx.
"""

import csv
import math
import random
import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

HORIZON = 6


def make_csv(path: str) -> None:
    """Write sixty days of a temperature with a daily cycle, a slow drift and some noise; some hours are missing."""
    random.seed(1)
    drift = 0.0
    with Path(path).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["time", "temp"])
        for hour in range(24 * 60):
            drift = 0.97 * drift + random.gauss(0, 0.3)
            temp = 62 + 5 * math.sin(math.tau * hour / 24) + drift + random.gauss(0, 0.2)
            if hour % 100:
                writer.writerow([(datetime(2025, 1, 1) + timedelta(hours=hour)).isoformat(), f"{temp:.2f}"])


path, column = sys.argv[1:] or ["boiler.csv", "temp"]
if len(sys.argv) == 1:
    make_csv(path)

series, parts = edgeseq.load(path, targets=[column], split="0.7:0.1:0.2")
checkpoint = edgeseq.fit(series, parts, horizon=HORIZON, hidden=12, steps=60)
model = edgeseq_export.export(checkpoint, "int8")
Path("own.onnx").write_bytes(model.content)

# Stream up to the end of the test part; the samples before it warm the state up. NaN is a missing sample.
values = parts.test.values  # float32, shape (time, feature)
forecasts = Predictor(model.content).run(
    values
)  # (time, horizon, target): row i forecasts samples i + 1 to i + HORIZON

rows = np.arange(parts.test.start, len(values) - HORIZON)
truth = np.stack([values[rows + ahead, 0] for ahead in range(1, HORIZON + 1)], axis=1)
last = values[rows, :1]
known = np.isfinite(truth) & np.isfinite(last)
rmse = np.sqrt(np.mean((forecasts[rows, :, 0] - truth)[known] ** 2))
persistence = np.sqrt(np.mean((last - truth)[known] ** 2))
print(f"own.onnx: {len(model.content)} bytes, {known.sum()} forecasts of {column}")
print(f"RMSE 1 to {HORIZON} samples ahead: {rmse:.3f}; persistence: {persistence:.3f}")
