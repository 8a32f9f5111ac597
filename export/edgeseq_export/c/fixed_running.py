"""What follows a stream beside a network in fixed point: in float32, operation by operation what running.c computes."""

import numpy as np

from edgeseq.model import running_scale
from edgeseq.model.running_scale import FLOOR, HABITS, KNOTS, LEVELS, OLDEST, SCALES, SPREAD, TINY
from edgeseq_runtime.arrays import Float32

_ONE = np.float32(1)
_OF_LEVELS, _OF_SCALES = ((1 / np.array(lengths)).astype(np.float32) for lengths in (LEVELS, SCALES))


def follow(x: Float32, stream: Float32) -> tuple[Float32, Float32]:
    """Take samples (batch, 1) and what was followed (batch, 13), zeros for a fresh stream.

    Return what the network sees (batch, 12), and what is followed from here on.
    """
    last, age, distance, size, spread, earlier, rarity, likeness = np.split(stream, [1, 2, 7, 9, 10, 11, 12], axis=1)
    d = np.where(age > 0, x - last, np.float32(0))
    step = np.abs(d)
    age = np.minimum(age + _ONE, np.float32(OLDEST))
    of_age, of_changes = _ONE / age, _ONE / np.maximum(age - _ONE, _ONE)
    root = _root_of_inverse(age)

    distance = (_ONE - np.maximum(of_age, _OF_LEVELS)) * (distance + d)
    size = _moved(size, np.maximum(of_changes, _OF_SCALES), step)
    spread = _moved(spread, np.maximum(of_changes, np.float32(1 / SPREAD)), np.abs(distance[:, 3:4]))
    scale = size.max(axis=1, keepdims=True)
    of_scale = _ONE / np.maximum(scale, np.float32(TINY))
    change = _area_sine(d * of_scale)
    share = np.maximum(of_changes, np.float32(1 / HABITS))
    rarity = _moved(rarity, share, step / np.maximum(step + scale, np.float32(TINY)))
    likeness = _moved(likeness, share, change * earlier)

    seen = [
        change,
        _area_sine(distance * of_scale),
        _area_sine(distance[:, -1:] / np.maximum(spread, np.float32(TINY))),
        _logarithm(spread * of_scale + np.float32(FLOOR)),
        _logarithm(size[:, :1] * of_scale + np.float32(FLOOR)),
        rarity,
        likeness,
        root,
    ]
    return np.hstack(seen), np.hstack([x, age, distance, size, spread, change, rarity, likeness])


def by_scale(words: Float32, stream: Float32, horizon: int) -> Float32:
    """Return forecast changes (batch, horizon) of what the network says, (batch, horizon + shares)."""
    nearness = running_scale.between_knots(horizon).astype(np.float32)  # (knot, step ahead)
    shares = words[:, horizon:].reshape(len(words), len(LEVELS), len(KNOTS))
    returns = np.zeros((len(words), len(KNOTS)), np.float32)
    for level in range(len(LEVELS)):
        returns = returns + stream[:, 2 + level, None] * shares[:, level]
    back = np.zeros((len(words), horizon), np.float32)
    for knot, near in enumerate(nearness):
        back = back + returns[:, knot, None] * near
    scale = stream[:, 7:9].max(axis=1, keepdims=True)
    return np.asarray(scale * words[:, :horizon] - back)


def _moved(mean: Float32, share: Float32, value: Float32) -> Float32:
    return np.asarray(mean + share * (value - mean))


def _root_of_inverse(x: Float32) -> Float32:
    half, three_halves = np.float32(0.5), np.float32(1.5)
    y = (np.uint32(0x5F375A86) - (x.view(np.uint32) >> np.uint32(1))).view(np.float32)
    for _ in range(2):
        y = y * (three_halves - half * x * y * y)
    return np.asarray(y + y * (half - half * x * y * y))


def _logarithm(x: Float32, more: Float32 | None = None) -> Float32:
    """Return log(x + more), as running.c has it."""
    x = np.ascontiguousarray(x)
    n = (x.view(np.int32) - np.int32(0x3F3504F3)) >> np.int32(23)
    f = (x.view(np.int32) - (n << np.int32(23))).view(np.float32) - _ONE
    if more is not None:
        f = f + more * ((np.int32(127) - n) << np.int32(23)).view(np.float32)
    s = f / (f + np.float32(2))
    z = s * s
    z = z * (np.float32(0.66666776) + z * (np.float32(0.39977542) + z * np.float32(0.29871729)))
    return np.asarray(n.astype(np.float32) * np.float32(0.69314718) + s * (np.float32(2) + z))


def _area_sine(x: Float32) -> Float32:
    """Return asinh(x), as running.c has it."""
    size = np.minimum(np.abs(x), np.float32(1e15))
    square = size * size
    more = square + _ONE
    y = size + square / (_ONE + more * _root_of_inverse(more))
    total = _ONE + y
    made = _logarithm(total, y - (total - _ONE))
    return np.asarray(np.where(x < 0, -made, made))
