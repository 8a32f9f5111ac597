"""How a training run goes: every number of it, chosen by hand or from how predictable the series is."""

from dataclasses import asdict, dataclass, replace
from typing import Self

PREDICTABLE = 0.01
"""Innovation below which a series counts as free of noise: then precision is what training is for."""


@dataclass(frozen=True)
class HyperParameters:
    """One training run's settings."""

    preset: str
    steps: int
    optimizer: str
    """adamw or adagrad."""
    learning_rate: float
    """At its height."""
    rise: int
    """Steps over which the learning rate rises to its height; it then falls to zero along a cosine. 0: it stays."""
    beta2: float
    """Adam's decay of the squared gradients."""
    weight_decay: float
    clip: float
    """Largest norm of the gradient; 0: any."""
    batch: int
    """Lanes, or windows, in a step."""
    unroll: int
    """Samples in a lane's window: how far back the gradient reaches."""
    restart: float
    """Probability that a lane begins a window with a fresh state."""
    noise: float
    """Deviation of the noise added to the scaled inputs."""
    copies: bool
    """Whether half of the lanes read copies of the series: slowed down or sped up, scaled and shifted."""
    buffer: int
    """Windows held ready to draw from, as in a shuffled stream of them."""
    average: float
    """Decay of the moving average of the weights, which is what is validated and kept; 0: the weights themselves."""
    validations: int
    """How often the validation error is looked at."""
    keep: str
    """Which weights become the checkpoint: the best validated, or the last."""

    @classmethod
    def choose(cls, innovation: float, warmup: int, *, linear_law: bool = False, steps: int | None = None) -> Self:
        """Return the default recipe for a series with this innovation (`decisions.innovation`).

        Noise and weight decay keep a network of ten thousand weights from learning a noisy series by heart; both
        vanish with the innovation, since a series without noise needs neither. A series that obeys a linear law obeys
        it scaled and shifted as well, and at another pace one of its kind: from such copies the network learns the
        law, not one curve of it.
        """
        predictable = innovation < PREDICTABLE
        steps = steps or (4000 if predictable else 1500)
        return cls(
            preset="default",
            steps=steps,
            optimizer="adamw",
            learning_rate=0.01 if linear_law else 0.005,
            rise=min(100, max(1, steps // 10)),
            beta2=0.99,
            weight_decay=0.3 * innovation,
            clip=1.0,
            batch=32 if predictable else 16,
            unroll=max(50 if predictable else 100, 2 * warmup),
            restart=0.5 if predictable else 0.2,
            noise=0.3 * innovation,
            copies=linear_law,
            buffer=10_000,
            average=0.99,
            validations=20,
            keep="best",
        )

    @classmethod
    def classic(cls, steps: int | None = None) -> Self:
        """Return the recipe of the classic program: shuffled windows, Adagrad at a constant rate, the last weights."""
        return cls(
            preset="classic",
            steps=steps or 10_000,
            optimizer="adagrad",
            learning_rate=0.1,
            rise=0,
            beta2=0.0,
            weight_decay=0.0,
            clip=0.0,
            batch=32,
            unroll=0,
            restart=0.0,
            noise=0.0,
            copies=False,
            buffer=1000,
            average=0.0,
            validations=20,
            keep="last",
        )

    def with_wishes(self, learning_rate: float | None, unroll: int | None) -> Self:
        """Return the recipe with what the user chose in place of its own."""
        return replace(self, learning_rate=learning_rate or self.learning_rate, unroll=unroll or self.unroll)

    def options(self) -> dict[str, int | float | str | bool]:
        """Return the settings as the spec records them, but those that have a place of their own there."""
        settings = {name: value for name, value in asdict(self).items() if name not in ("preset", "steps")}
        return {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in settings.items()}
