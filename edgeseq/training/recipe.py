"""How a training run goes: every number of it, chosen by hand or from how predictable the series is."""

from dataclasses import asdict, dataclass
from typing import Self

PREDICTABLE = 0.01
"""Innovation below which a series counts as free of noise: then precision is what training is for."""


@dataclass(frozen=True)
class Recipe:
    """One training run's settings."""

    steps: int
    learning_rate: float
    """At its height; it rises over `rise` steps and falls to zero along a cosine."""
    rise: int
    beta2: float
    """Adam's decay of the squared gradients."""
    weight_decay: float
    clip: float
    """Largest norm of the gradient."""
    lanes: int
    unroll: int
    """Samples in a window: how far back the gradient reaches."""
    restart: float
    """Probability that a lane begins a window with a fresh state."""
    noise: float
    """Deviation of the noise added to the scaled inputs."""
    average: float
    """Decay of the moving average of the weights, which is what is validated and kept."""
    validations: int
    """How often the validation error is looked at."""

    @classmethod
    def choose(cls, innovation: float, warmup: int, steps: int | None = None) -> Self:
        """Return the default recipe for a series with this innovation (`decisions.innovation`).

        Noise and weight decay keep a network of ten thousand weights from learning a noisy series by heart; both
        vanish with the innovation, since a series without noise needs neither.
        """
        predictable = innovation < PREDICTABLE
        steps = steps or (4000 if predictable else 1500)
        return cls(
            steps=steps,
            learning_rate=0.005,
            rise=min(100, max(1, steps // 10)),
            beta2=0.99,
            weight_decay=0.3 * innovation,
            clip=1.0,
            lanes=32 if predictable else 16,
            unroll=max(50 if predictable else 100, 2 * warmup),
            restart=0.5 if predictable else 0.2,
            noise=0.3 * innovation,
            average=0.99,
            validations=20,
        )

    def options(self) -> dict[str, int | float | str | bool]:
        """Return the settings as the spec records them."""
        return {
            name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in asdict(self).items()
        }
