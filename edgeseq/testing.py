"""Checkpoints of any shape with random weights, for tests and benchmarks."""

from typing import Any

import numpy as np

from edgeseq.model import running_scale
from edgeseq.model.architecture import weight_shapes
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part
from edgeseq.series.gaps import LIMIT
from edgeseq.series.split import DEFAULT_SPLIT
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import CHUNK, FIXED, RUNNING, STEP, Feature, Sensor, Spec


def make_spec(
    *,
    cell: str = "lstm",
    layers: int = 2,
    hidden: int = 6,
    features: int = 1,
    targets: int = 1,
    horizon: int = 1,
    levels: int = 1,
    offset: float = 0.0,
    warmup: int = 3,
    gap_limit: int = LIMIT,
    predicts: str = "change",
    layout: str = "stream",
    window: int = 0,
    linear_path: int = 0,
    clocks: tuple[str, ...] = (),
    period: float | None = None,
    sensors: int = 0,
    known: int = 0,
    reading: Reading | None = None,
    season: int | None = None,
    adapt: bool = False,
    scaling: str = FIXED,
) -> Spec:
    """A spec with made-up statistics: feature i has mean i + offset, deviation 1 + i / 2, change 0.1 (1 + i).

    Columns known ahead, k0, k1, ..., are like features with an offset of 5. With a running scale the deviation and the
    change of the one feature are those of samples to try it with; the network knows nothing of them.
    """
    return Spec(
        series="made_up",
        features=tuple(_feature("f", i, offset, level=i < levels) for i in range(features))
        + tuple(Feature(name, "", 0, 0.7, 0.2, -1, 1, level=True, center=0, scale=0.7, clock=True) for name in clocks),
        period=period,
        reading=reading,
        season=season,
        adapt=adapt,
        format=2 if known or adapt or scaling == RUNNING or (reading and reading.binds) else 1,
        scaling=scaling,
        form=STEP if scaling == RUNNING else CHUNK,
        targets=tuple(f"f{i}" for i in range(targets)),
        horizon=horizon,
        target_scales=tuple(
            tuple(0.1 * (1 + i) * (step + 1) ** 0.5 for i in range(targets)) for step in range(horizon)
        ),
        warmup=warmup,
        gap_limit=gap_limit,
        cell=cell,
        layers=layers,
        hidden=hidden,
        split=DEFAULT_SPLIT,
        predicts=predicts,
        layout=layout,
        window=window,
        linear_path=linear_path,
        known=tuple(_feature("k", i, offset + 5, level=True) for i in range(known)),
        sensors=tuple(
            Sensor(
                name=f"s{number}",
                offset=(*(10.0 * number + i for i in range(features)), *(0.0 for _ in clocks)),
                gain=(*(0.5 * (number + 1) + i / 4 for i in range(features)), *(1.0 for _ in clocks)),
            )
            for number in range(sensors)
        ),
    )


def _feature(letter: str, number: int, offset: float, *, level: bool) -> Feature:
    return Feature(
        name=f"{letter}{number}",
        unit="",
        mean=number + offset,
        std=1 + number / 2,
        change=0.1 * (1 + number),
        minimum=number + offset - 3,
        maximum=number + offset + 3,
        level=level,
        center=float(number + offset),
        scale=1 + number / 2,
    )


def make_checkpoint(seed: int = 0, **choices: Any) -> Checkpoint:
    """A checkpoint with random weights, large enough that every gate matters."""
    spec = make_spec(**choices)
    random = np.random.default_rng(seed)
    weights = {name: random.uniform(-0.6, 0.6, shape).astype(np.float32) for name, shape in weight_shapes(spec).items()}
    if spec.linear_path:
        weights["linear.weight"] /= spec.linear_path * len(spec.measured)
    if spec.scaling == RUNNING:  # shares of the distances from the levels
        for name in ("head.weight", "head.bias"):
            weights[name][spec.outputs :] /= len(running_scale.LEVELS) * spec.hidden
    if spec.known:
        weights["known.weight"] /= spec.ahead
        weights["coefficient.weight"] /= spec.hidden * len(spec.known)
    part, columns = max(20, 2 * spec.horizon), len(spec.features) + len(spec.known)
    samples = np.cumsum(random.standard_normal((3 * part, columns)), axis=0).astype(np.float32) * 0.1
    return Checkpoint(spec, weights, validation=Part(samples[: 2 * part], part), test=Part(samples, 2 * part))
