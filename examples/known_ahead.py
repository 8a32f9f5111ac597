"""A forecast that sees another one: a home's load, with the outdoor temperature as the weather service has it.

    python known_ahead.py

The temperature of the hours to come is known when the load is forecast. Training takes it from the file's later rows;
on the device it comes with each sample. Writes home.csv and home.onnx.
"""

import math
import random
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

HOURS, HORIZON = 24 * 120, 12


def home(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return made-up load in kW and outdoor temperature in degrees, each (hour,); the home is heated electrically."""
    random.seed(seed)
    rows, weather = [], 0.0
    for hour in range(HOURS):
        weather = 0.97 * weather + random.gauss(0, 1.2)
        outdoor = 4 + 3 * math.sin(math.tau * (hour - 9) / 24) + weather
        people = 0.6 + 0.4 * math.sin(math.tau * (hour - 12) / 24)
        rows.append((people + 0.12 * max(18 - outdoor, 0) + random.gauss(0, 0.1), outdoor))
    load, outdoors = np.array(rows, np.float32).T
    return load, outdoors


hours = [datetime(2025, 1, 1) + timedelta(hours=hour) for hour in range(HOURS)]
rows = zip(hours, *home(1), strict=True)
lines = ["time,load,outdoor", *(f"{time:%Y-%m-%dT%H:%M},{load:.3f},{outdoor:.1f}" for time, load, outdoor in rows)]
Path("home.csv").write_text("\n".join([*lines, ""]))

series, parts = edgeseq.load("home.csv", targets=["load"], known=["outdoor"])
checkpoint = edgeseq.fit(series, parts, horizon=HORIZON, hidden=12, steps=150)
Path("home.onnx").write_bytes(edgeseq_export.export(checkpoint).content)

load, outdoor = home(2)  # another winter
told, untold = Predictor("home.onnx"), Predictor("home.onnx")
errors = []
for now in range(HOURS - HORIZON):
    ahead = outdoor[now + 1 : now + 1 + HORIZON]  # what the weather service says at this hour, a value for each step
    forecasts = told.step(load[now], known={"outdoor": ahead}), untold.step(load[now])
    if told.warm:
        errors.append([forecast[:, 0] - load[now + 1 : now + 1 + HORIZON] for forecast in forecasts])

rmse = np.sqrt(np.mean(np.square(errors), axis=(0, 2)))
print(f"with the temperature ahead: RMSE {rmse[0]:.3f} kW; never told of it: {rmse[1]:.3f} kW")
print(f"samples with stand-ins: {told.counts['known']} and {untold.counts['known']}")
