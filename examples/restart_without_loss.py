"""A power cut that costs nothing: each sample counts once, and the forecasts are those of a device that never stopped.

    python restart_without_loss.py

The snapshot is saved before the sample is acknowledged; what was not acknowledged is sent again.
Writes sine.onnx and stream.state.
"""

import math
import os
from collections import deque
from pathlib import Path

import numpy as np

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

STATE = Path("stream.state")


def save(blob: bytes) -> None:
    """Replace the state file by a whole new one: after a power cut it is either the old one or the new one."""
    temporary = STATE.with_suffix(".new")
    with temporary.open("wb") as file:
        file.write(blob)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(STATE)


def device(queue: deque[float], received: list[np.ndarray], power_cut_at: int | None = None) -> None:
    """Forecast after each sample of the queue. The power cut comes after a step, before its snapshot is saved."""
    predictor = Predictor("sine.onnx")
    if STATE.exists():
        predictor.restore(STATE.read_bytes())
        print(f"goes on after {predictor.samples} samples")
    while queue:
        forecast = predictor.step(queue[0])
        if predictor.samples == power_cut_at:
            print(f"power cut at sample {power_cut_at}")
            return
        save(predictor.snapshot())
        received.append(forecast)
        queue.popleft()  # acknowledged: the sender forgets the sample


series, parts = edgeseq.load("sine")
checkpoint = edgeseq.fit(series, parts, hidden=8, steps=20)
Path("sine.onnx").write_bytes(edgeseq_export.export(checkpoint).content)

samples = [math.sin(0.01 * number) for number in range(300)]
queue, received = deque(samples), []
STATE.unlink(missing_ok=True)
device(queue, received, power_cut_at=101)
device(queue, received)

uninterrupted = Predictor("sine.onnx")
same = np.array_equal(received, [uninterrupted.step(sample) for sample in samples])
print(f"{len(received)} forecasts, {'the same as' if same else 'different from'} those of an uninterrupted stream")
