"""Sensors of one kind that differ in level and size: one network for all of them, each in numbers of its own.

The network knows one sensor, the typical one, whose level is zero. Another measures `offset + gain * z` where that one
measures z. Both are states of the step function, which the device sets and nothing but the device changes; zeros are
the typical sensor.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.spec import GAIN, OFFSET, Feature, Residuals, Sensor, Spec

LEAST_SAMPLES = 10
"""From which a sensor's scale can be learned."""


@dataclass(frozen=True)
class Scale:
    """What turns the typical sensor's numbers into another's, each (feature,)."""

    offset: Float64
    gain: Float64

    @classmethod
    def identity(cls, spec: Spec) -> "Scale":
        """Return the typical sensor's scale, which changes nothing: that of zero states."""
        return cls(np.zeros(len(spec.features)), np.ones(len(spec.features)))

    @classmethod
    def default(cls, spec: Spec) -> "Scale":
        """Return what may be supposed of a sensor that nothing is known of: the known ones' mean level."""
        offsets = np.array([sensor.offset for sensor in spec.sensors])
        return replace(cls.identity(spec), offset=_as_float32(offsets.mean(axis=0)))

    @classmethod
    def resolve(cls, spec: Spec, sensor: "str | Scale | npt.ArrayLike | None") -> "Scale":
        """Return the scale of a sensor: by its name, learned from samples, or the default one.

        Raises what `by_name` and `fit` do, and `UsageError` for a model that was trained on one series.
        """
        if isinstance(sensor, Scale):
            return sensor
        if isinstance(sensor, str) or not spec.sensors:
            return cls.by_name(spec, str(sensor)[:40])
        return cls.default(spec) if sensor is None else cls.fit(spec, sensor)

    @classmethod
    def by_name(cls, spec: Spec, name: str) -> "Scale":
        """Return the scale of a sensor that the model was trained on. Raises `UsageError` for another."""
        for sensor in spec.sensors:
            if sensor.name == name:
                return cls(np.array(sensor.offset), np.array(sensor.gain))
        names = ", ".join(sensor.name for sensor in spec.sensors[:20]) or "none: it was trained on one series"
        raise UsageError(f"the model knows no sensor {name!r}; it knows {names}")

    @classmethod
    def fit(cls, spec: Spec, samples: npt.ArrayLike) -> "Scale":
        """Return the scale of a sensor from what it has measured, (time, measured feature), NaN where that lacks.

        Raises `DataError` where there are too few samples, or a feature never changes, or changes by so much or so
        little that float32 cannot tell.
        """
        measured = len(spec.measured)
        values = np.asarray(samples, np.float64).reshape(-1, measured)
        with np.errstate(over="ignore", invalid="ignore"):
            means, changes = statistics(values)
        typical = np.array([feature.change for feature in spec.measured])
        lacking = np.flatnonzero(~(np.isfinite(means) & (changes > 0)))
        if len(values) < LEAST_SAMPLES or len(lacking):
            name = spec.features[int(lacking[0]) if len(lacking) else 0].name
            raise DataError(f"{name} has too few samples, or no change, to learn the sensor's scale from")
        with np.errstate(over="ignore"):
            scale = cls.between(typical, means, changes)
        beyond = np.flatnonzero(~(np.isfinite(scale.offset) & np.isfinite(scale.gain) & (scale.gain > 0)))
        if len(beyond):
            name = spec.features[int(beyond[0])].name
            raise DataError(f"{name} changes by {changes[beyond[0]]:g}: too far from what the model knows")
        return scale.padded(len(spec.features))

    @classmethod
    def between(cls, typical: Float64, means: Float64, changes: Float64) -> "Scale":
        """Return the scale of a sensor with these means and changes, where the typical one's changes are `typical`.

        Each (measured feature,). Rounded to what float32 holds as a state, so that training sees what the device does.
        """
        return cls(_as_float32(means), 1 + _as_float32(changes / typical - 1))

    def padded(self, features: int) -> "Scale":
        """Return the scale for so many features, of which the further ones are read off the time and stay."""
        more = features - len(self.gain)
        return Scale(np.append(self.offset, np.zeros(more)), np.append(self.gain, np.ones(more)))

    def to_typical(self, values: npt.ArrayLike) -> Float64:
        """Return what the typical sensor would have measured, of values (..., feature)."""
        return np.asarray((np.asarray(values, np.float64) - self.offset) / self.gain)

    def states(self) -> dict[str, npt.NDArray[np.float32]]:
        """Return the states that set it, for one stream, each (1, 1, feature)."""
        return {
            OFFSET: np.asarray(self.offset, np.float32)[None, None],
            GAIN: np.asarray(self.gain - 1, np.float32)[None, None],
        }

    @classmethod
    def from_states(cls, states: Mapping[str, npt.NDArray[np.float32]]) -> "Scale":
        """Return what the states of one stream are set to."""
        offset, gain = (states[name].reshape(-1).astype(np.float64) for name in (OFFSET, GAIN))
        return cls(offset, gain + 1)

    def is_near(self, other: "Scale") -> bool:
        """Whether this is another's scale, but for what float32 rounds off in between."""
        pairs = ((self.offset, other.offset), (self.gain, other.gain))
        return all(np.allclose(one, two, rtol=1e-6, atol=1e-30) for one, two in pairs)

    def name_among(self, sensors: Iterable[Sensor]) -> str | None:
        """Return how the known sensor with this scale is called, if there is one."""
        named = ((sensor.name, Scale(np.array(sensor.offset), np.array(sensor.gain))) for sensor in sensors)
        return next((f"the sensor {name}" for name, scale in named if self.is_near(scale)), None)

    def apply_to(self, spec: Spec) -> Spec:
        """Return the spec in this sensor's numbers: ranges, sizes and residuals."""
        residuals = spec.residuals and replace(spec.residuals, quantiles=self._quantiles(spec.residuals))
        return replace(spec, features=self.features(spec), residuals=residuals, verification=None)

    def features(self, spec: Spec) -> tuple[Feature, ...]:
        """Return the spec's features in this sensor's numbers."""
        return tuple(map(self._feature, spec.features, self.offset.tolist(), self.gain.tolist()))

    def _feature(self, feature: Feature, offset: float, gain: float) -> Feature:
        ends = sorted((offset + gain * feature.minimum, offset + gain * feature.maximum))
        return replace(
            feature,
            mean=offset + gain * feature.mean,
            std=abs(gain) * feature.std,
            change=abs(gain) * feature.change,
            minimum=ends[0],
            maximum=ends[1],
            center=offset + gain * feature.center,
            scale=gain * feature.scale,
        )

    def _quantiles(self, residuals: Residuals) -> tuple[tuple[tuple[float, ...], ...], ...]:
        return tuple(
            tuple(tuple(gain * value for value in row) for row, gain in zip(step, self.gain.tolist(), strict=False))
            for step in residuals.quantiles
        )


def _as_float32(values: Float64) -> Float64:
    return np.asarray(values, np.float32).astype(np.float64)


def statistics(values: Float64) -> tuple[Float64, Float64]:
    """Return the mean, and the root mean square of the change from one sample to the next, of values (time, feature).

    Each (feature,); NaN where there is nothing to take it of.
    """
    known = np.isfinite(values)
    count = known.sum(axis=0)
    steps = np.diff(values, axis=0)
    stepped = np.isfinite(steps).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.where(known, values, 0).sum(axis=0) / count
        changes = np.sqrt(np.square(np.nan_to_num(steps, posinf=0, neginf=0)).sum(axis=0) / stepped)
    return means, changes


def as_sensors(names: list[str], scales: list[Scale]) -> tuple[Sensor, ...]:
    """Return sensors as the spec keeps them."""
    return tuple(
        Sensor(name, tuple(scale.offset.tolist()), tuple(scale.gain.tolist()))
        for name, scale in zip(names, scales, strict=True)
    )
