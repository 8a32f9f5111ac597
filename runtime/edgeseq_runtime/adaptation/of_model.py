"""Which adaptation streams of a model have."""

from edgeseq_runtime.adaptation.adaptation import Adaptation
from edgeseq_runtime.adaptation.seasonal.adaptation import SeasonalAdaptation
from edgeseq_runtime.spec import RUNNING, Spec


def adaptation_of(spec: Spec, room: int) -> Adaptation | SeasonalAdaptation:
    """Return the adaptation of a model's streams, with room for so many; one for any sensor finds the season itself."""
    return SeasonalAdaptation(spec, room) if spec.scaling == RUNNING else Adaptation(spec, room)
