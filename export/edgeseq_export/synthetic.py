"""Samples that move as the training part did, for whatever must be tried on samples and has none of the user's."""

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.spec import RUNNING, Spec


def random_walk(spec: Spec, time: int, batch: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return samples (time, batch, input) with the training part's statistics; none of them is the user's.

    Where the scale runs along, the file's change is 1 in any unit: a step is then as large as the deviation.
    """
    noise = np.random.default_rng(seed).standard_normal((time, batch, spec.inputs))
    means, stds, changes = (
        np.array([getattr(feature, name) for feature in spec.input_features]) for name in ("mean", "std", "change")
    )
    if spec.scaling == RUNNING:
        changes = stds
    walk = means + stds * noise[:1] + changes * np.cumsum(noise, axis=0)
    grain = 10.0 ** (np.floor(np.log10(changes)) - 2)  # a hundredth of a change: short numbers in the file
    return np.asarray(np.rint(walk / grain) * grain, np.float32)
