"""What a network is shown to find out what its rounded weights must give: samples as it was trained on."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import augment
from edgeseq.series.ahead import graph_inputs
from edgeseq.series.gaps import Filled, fill
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.spec import Spec

Samples = npt.NDArray[np.float32]

_TIME = 300
"""Samples in a stream, beside those that fill a linear path or a window."""

_STREAMS = 64
"""Streams, unless the network is so large that their memory would be."""

_NUMBERS = 8_000_000
"""That may be remembered of what the head or the linear path meets."""


def samples(checkpoint: Checkpoint) -> Samples:
    """Return streams of samples (time, stream, input), raw.

    From what precedes the validation part, which is the end of the training part; with copies, where training had them.
    A random walk where there is too little of it.
    """
    spec = checkpoint.spec
    time = _TIME + spec.linear_path + spec.window
    columns = max(spec.hidden, spec.linear_path * len(spec.measured))
    count = int(np.clip(_NUMBERS // (time * columns), 4, _STREAMS))
    part = checkpoint.validation
    pieces = list(_pieces(spec, fill(part.values[: part.start], spec.gap_limit))) if part else []
    streams = [stream for piece, share in pieces for stream in _cut(spec, piece, time, max(1, int(share * count)))]
    if not streams:
        return random_walk(spec, time, count)
    return np.stack(streams, axis=1)


def _pieces(spec: Spec, train: Filled) -> Iterator[tuple[Filled, float]]:
    """Yield what to cut streams from, and its share of them."""
    if not (spec.training and spec.training.options.get("copies")):
        yield train, 1.0
        return
    yield train, 0.5
    copies = augment.at_other_rates(train)
    random = np.random.default_rng(0)
    for piece in copies:
        for gain in np.exp(random.uniform(-augment.GAIN, augment.GAIN, 2)):
            yield _scaled(spec, piece, gain, random.uniform(-augment.SHIFT, augment.SHIFT)), 0.25 / len(copies)


def _scaled(spec: Spec, piece: Filled, gain: float, shift: float) -> Filled:
    """Return a copy scaled about each feature's center, and shifted by a share of its scale."""
    centers = np.array([feature.center for feature in spec.features])
    scales = np.array([feature.scale for feature in spec.features])
    values = centers + gain * (piece.values - centers) + shift * scales
    return Filled(values.astype(np.float32), piece.observed, piece.segments, 0, 0, 0)


def _cut(spec: Spec, piece: Filled, time: int, count: int) -> Iterator[Samples]:
    """Yield `count` streams (time, input), evenly spread over the segments that are long enough."""
    inputs = graph_inputs(piece.values, len(spec.features), spec.horizon)
    rooms = [np.arange(start, stop - time) for start, stop in piece.segments if stop - start > time]
    places = np.concatenate(rooms) if rooms else np.zeros(0, np.int64)
    for place in places[:: max(1, len(places) // count)][:count].tolist():
        yield inputs[place : place + time]
