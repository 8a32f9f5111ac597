"""A PyTorch module of your own, trained your own way, as a model file.

    python own_module.py

Any depth of LSTM, GRU, RNN, Linear and activations will do. The file is compared with the module before it is written.
Writes room.onnx.
"""

import numpy as np
import torch

import edgeseq_export
from edgeseq_runtime import Predictor

HORIZON = 3


class Forecaster(torch.nn.Module):
    """A GRU and a small head: scaled samples in, scaled forecasts out."""

    def __init__(self) -> None:
        super().__init__()
        self.gru = torch.nn.GRU(1, 12)
        self.head = torch.nn.Sequential(torch.nn.Linear(12, 12), torch.nn.Tanh(), torch.nn.Linear(12, HORIZON))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take (time, batch, feature); return (time, batch, horizon x targets)."""
        return self.head(self.gru(x)[0])


time = np.arange(1200)
samples = (21 + 2 * np.sin(time / 9) + 0.5 * np.sin(time / 4)).astype(np.float32)  # degrees
train, test = samples[:900], samples[900:]

# The spec says how samples are scaled within the file; the module is trained on samples scaled so.
spec = edgeseq_export.describe(train, ["temp"], horizon=HORIZON, name="room")
feature = spec.features[0]
scaled = torch.from_numpy((train - feature.center) / feature.scale)
x = scaled.unfold(0, 60, 30).T[:, :, None]  # (time 60, batch, feature 1)
y = torch.cat([x[ahead : len(x) - HORIZON + ahead] for ahead in range(1, HORIZON + 1)], dim=-1)

torch.manual_seed(0)
torch.set_num_threads(1)  # a network this small is slower on several
module = Forecaster()
optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
for _ in range(100):
    loss = torch.nn.functional.mse_loss(module(x[:-HORIZON]), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

model = edgeseq_export.export(module, spec, "room.onnx")
print(f"room.onnx: differs from the module by {model.deviation.forecast:.0e} of the series' scale at most")

# On the device, in degrees: no scaler, no torch.
forecasts = Predictor("room.onnx").run(test)  # float32, shape (time, horizon, target)
rows = np.arange(50, len(test) - HORIZON)  # the first samples warm the state up
truth = np.stack([test[rows + ahead] for ahead in range(1, HORIZON + 1)], axis=1)
rmse = np.sqrt(np.mean((forecasts[rows, :, 0] - truth) ** 2))
persistence = np.sqrt(np.mean((test[rows, None] - truth) ** 2))
print(f"RMSE 1 to {HORIZON} samples ahead: {rmse:.3f} degrees; persistence: {persistence:.3f}")
