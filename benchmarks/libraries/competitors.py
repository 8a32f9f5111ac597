"""Which models of neuralforecast take part, and what each is given."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgeseq.evaluation.baselines import LAGS

_INPUT = {"input_size": LAGS}
"""The linear models have no default for it: as many samples as edgeseq's own ridge regression sees."""

_PATIENCE = 3
"""Looks at the validation part without a lower error after which training ends."""


@dataclass(frozen=True)
class Competitor:
    """One model with its settings; what is not set is the library's default."""

    name: str
    model: str
    """Its class in `neuralforecast.models`."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Numbers, beside the horizon."""
    watched: bool = False
    """Whether it is told by what it is judged: squared errors, and a validation part that ends the training."""

    @property
    def note(self) -> str:
        """What it was given."""
        given = [f"{name}={value}" for name, value in self.settings.items()]
        if self.watched:
            given += ["loss=MSE()", f"early_stop_patience_steps={_PATIENCE} on the validation part"]
        return ", ".join(given) or "defaults only"

    def arguments(self) -> dict[str, Any]:
        """Return what its class is made with, beside horizon, seed and what concerns printing."""
        if not self.watched:
            return dict(self.settings)
        from neuralforecast.losses.pytorch import MSE

        return {**self.settings, "loss": MSE(), "early_stop_patience_steps": _PATIENCE}


COMPETITORS = (
    Competitor("LSTM", "LSTM"),
    Competitor("LSTM, watched", "LSTM", watched=True),
    Competitor("DLinear", "DLinear", _INPUT),
    Competitor("DLinear, watched", "DLinear", _INPUT, watched=True),
    Competitor("NLinear", "NLinear", _INPUT),
    Competitor("NLinear, watched", "NLinear", _INPUT, watched=True),
)
