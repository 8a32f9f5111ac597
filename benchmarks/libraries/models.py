"""Which models of libraries take part, those that take least time first."""

from benchmarks.libraries.on_lightgbm import OnLightgbm
from benchmarks.libraries.on_neuralforecast import OnNeuralforecast
from benchmarks.libraries.on_statsforecast import OnStatsforecast
from benchmarks.libraries.outcome import Model

MODELS: tuple[Model, ...] = (
    OnLightgbm(),
    OnStatsforecast("AutoETS"),
    OnStatsforecast("Theta"),
    OnNeuralforecast("NHITS"),
    OnNeuralforecast("DLinear"),
)
