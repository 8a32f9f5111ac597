"""Every number of a training run, chosen by hand or from how predictable the series is."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self

PREDICTABLE = 0.01
"""Innovation below which a series counts as free of noise: then precision is what training is for."""

Setting = int | float | str | bool


@dataclass(frozen=True)
class HyperParameters:
    """One training run's settings."""

    preset: str
    """default or classic."""
    steps: int
    optimizer: str
    """adamw or adagrad."""
    learning_rate: float
    """The peak learning rate."""
    lr_warmup: int
    """Steps of linear warm-up of the learning rate; a cosine to zero follows. 0: the rate is constant."""
    beta2: float
    """Adam's decay of the squared gradients."""
    weight_decay: float
    max_grad_norm: float
    """Norm to which the gradient is clipped; 0: no clipping."""
    batch_size: int
    """Readers, or windows, in a step."""
    unroll: int
    """Samples in a reader's window: how far back the gradient reaches."""
    state_reset_prob: float
    """Probability that a reader begins a window with a fresh state."""
    input_noise: float
    """Standard deviation of the noise added to the scaled inputs."""
    augment: bool
    """Whether half of the readers read copies of the series: slowed down or sped up, scaled and shifted."""
    shuffle_buffer: int
    """Windows held ready to draw from, as in a shuffled stream of them."""
    ema_decay: float
    """Decay of the moving average of the weights, which is validated and kept; 0: the weights themselves."""
    validations: int
    """How often the validation error is computed."""
    keep_weights: str
    """Which weights become the checkpoint: best (by the validation error) or last."""

    @classmethod
    def choose(
        cls, innovation: float, warmup: int, *, linear_recurrence: bool = False, steps: int | None = None
    ) -> Self:
        """Return the default settings for a series with this innovation (`analysis.innovation`).

        Noise and weight decay keep a network of ten thousand weights from learning a noisy series by heart; both
        vanish with the innovation, since a series without noise needs neither. A series that follows a linear
        recurrence follows it scaled and shifted as well, and at another rate one of its kind: from such copies the
        network learns the recurrence, not one curve of it.
        """
        predictable = innovation < PREDICTABLE
        steps = steps or (4000 if predictable else 1500)
        return cls(
            preset="default",
            steps=steps,
            optimizer="adamw",
            learning_rate=0.01 if linear_recurrence else 0.005,
            lr_warmup=min(100, max(1, steps // 10)),
            beta2=0.99,
            weight_decay=0.3 * innovation,
            max_grad_norm=1.0,
            batch_size=32 if predictable else 16,
            unroll=max(50 if predictable else 100, 2 * warmup),
            state_reset_prob=0.5 if predictable else 0.2,
            input_noise=0.3 * innovation,
            augment=linear_recurrence,
            shuffle_buffer=10_000,
            ema_decay=0.99,
            validations=20,
            keep_weights="best",
        )

    @classmethod
    def classic(cls, steps: int | None = None) -> Self:
        """Return the classic program's settings: shuffled windows, Adagrad at a constant rate, the last weights."""
        return cls(
            preset="classic",
            steps=steps or 10_000,
            optimizer="adagrad",
            learning_rate=0.1,
            lr_warmup=0,
            beta2=0.0,
            weight_decay=0.0,
            max_grad_norm=0.0,
            batch_size=32,
            unroll=0,
            state_reset_prob=0.0,
            input_noise=0.0,
            augment=False,
            shuffle_buffer=1000,
            ema_decay=0.0,
            validations=20,
            keep_weights="last",
        )

    def override(self, learning_rate: float | None, unroll: int | None) -> Self:
        """Return the settings with what the user chose in place of their own."""
        return replace(self, learning_rate=learning_rate or self.learning_rate, unroll=unroll or self.unroll)

    def recorded(self) -> dict[str, Setting]:
        """Return all settings by the names that files have for them, in the order that a run's digest depends on."""
        return {RECORDED_NAMES[field]: value for field, value in asdict(self).items()}

    def options(self) -> dict[str, Setting]:
        """Return the settings as the spec records them, except those that have a field of their own there."""
        settings = {name: value for name, value in self.recorded().items() if name not in ("preset", "steps")}
        return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in settings.items()}


RECORDED_NAMES: Mapping[str, str] = {
    "preset": "preset",
    "steps": "steps",
    "optimizer": "optimizer",
    "learning_rate": "learning_rate",
    "lr_warmup": "rise",
    "beta2": "beta2",
    "weight_decay": "weight_decay",
    "max_grad_norm": "clip",
    "batch_size": "batch",
    "unroll": "unroll",
    "state_reset_prob": "restart",
    "input_noise": "noise",
    "augment": "copies",
    "shuffle_buffer": "buffer",
    "ema_decay": "average",
    "validations": "validations",
    "keep_weights": "keep",
}
"""Field -> its name in files: `training.options` of a spec, and what a run's id and `--resume` compare.

These names are those of version 0.1. They never change: interrupted runs and finished checkpoints are known by them.
"""
