"""The shortest way: train on the sine, export a model file, forecast sample by sample.

    python first_forecast.py

Writes sine.onnx. Training is cut to a few seconds; leave `steps` out for a model as good as it gets.
"""

import math
from pathlib import Path

import edgeseq
import edgeseq_export
from edgeseq_runtime import Predictor

# On the host: needs torch.
series, parts = edgeseq.load("sine")  # a sample every 0.01 radians
checkpoint = edgeseq.fit(series, parts, steps=60)

# From host to device: one file, compared with an independent implementation before it is returned.
model = edgeseq_export.export(checkpoint)
Path("sine.onnx").write_bytes(model.content)

# On the device: needs numpy and onnxruntime only.
predictor = Predictor("sine.onnx")
squared_error = squared_persistence = 0.0
for number in range(1000):
    sample, following = math.sin(0.01 * number), math.sin(0.01 * (number + 1))
    forecast = predictor.step(sample)  # float32, shape (horizon, target), here (1, 1)
    if predictor.warm:  # false for the first samples, while the state fills
        squared_error += (float(forecast[0, 0]) - following) ** 2
        squared_persistence += (sample - following) ** 2

share = math.sqrt(squared_error / squared_persistence)
print(f"sine.onnx: {len(model.content)} bytes")
print(f"error of the forecasts: {share:.3f} times that of persistence, which repeats the last sample")
