"""Samples whose features come apart, in several lines of one series or messages of one topic: they become one.

A part is held until another one of its time brings the rest, a sample of another time comes, or a wait is over. Where
that is in vain several times in a row, the stream's samples are taken as they come, until two would have fitted.
"""

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from edgeseq.commands.notes import note
from edgeseq_runtime.io.sample import Sample
from edgeseq_runtime.printable import listed, printable

_VAIN = 3
"""Parts in a row that were held in vain, after which none is."""

_NAME = 200
"""Characters of a stream's name in a note."""


class _Held(NamedTuple):
    sample: Sample
    until: float


class Parts:
    """Holds parts of samples by their stream, for `wait` seconds at most; 0: not at all."""

    def __init__(self, features: tuple[str, ...], wait: float, now: Callable[[], float] = time.monotonic) -> None:
        self._features, self._wait, self._now = features, wait if len(features) > 1 else 0.0, now
        self._held: dict[str, _Held] = {}
        self._vain: dict[str, int] = {}
        self._alone: dict[str, Sample] = {}  # the last part of streams whose parts are not held

    def partner(self, sample: Sample) -> Sample | None:
        """Return the part that waits for this one."""
        held = self._held.get(sample.stream or "") if self._held else None
        return held.sample if held and _fit(held.sample, sample) else None

    def join(self, sample: Sample) -> list[Sample]:
        """Take a sample, or a part of one; return the samples that are whole with it, or will never be.

        One that is put together keeps the number of its first line.
        """
        if not self._wait or sample.stream is None:
            return [sample]
        name = sample.stream
        partner = self.partner(sample)
        held = self._held.pop(name, None)
        if partner:
            sample = _together(partner, sample)
            before = []
        else:
            before = [self._given_up(held.sample)] if held else []
        if not self._is_held(name, sample):
            if partner and None not in sample.values:
                self._vain.pop(name, None)
            return [*before, sample]
        self._held[name] = _Held(sample, self._now() + self._wait)
        return before

    def due(self) -> list[Sample]:
        """Return the parts that have been held for long enough."""
        now = self._now()
        late = [name for name, held in self._held.items() if held.until <= now]
        return [self._given_up(self._held.pop(name).sample) for name in late]

    def rest(self) -> list[Sample]:
        """Return all parts that are held, since nothing comes after them."""
        rest = [held.sample for held in self._held.values()]
        self._held.clear()
        return rest

    def patience(self) -> float | None:
        """Return for how many seconds more a part is held; None where none is."""
        if not self._held:
            return None
        return max(0.0, min(held.until for held in self._held.values()) - self._now())

    def _is_held(self, name: str, sample: Sample) -> bool:
        """Whether to wait for the rest of a sample."""
        if not sample.lacks or sample.problem or None not in sample.values:
            return False
        if self._vain.get(name, 0) < _VAIN:
            return True
        before = self._alone.get(name)
        self._alone[name] = sample
        if before and _fit(before, sample):
            del self._alone[name], self._vain[name]
        return False

    def _given_up(self, sample: Sample) -> Sample:
        """Return a part whose rest has not come, and say so at the last of several."""
        name = sample.stream or ""
        self._vain[name] = self._vain.get(name, 0) + 1
        if self._vain[name] == _VAIN:
            pairs = list(zip(self._features, sample.values, strict=True))
            there = listed(feature for feature, value in pairs if value is not None)
            lacking = listed(feature for feature, value in pairs if value is None)
            stream = f"{printable(name, _NAME)}: " if name else ""
            note(f"{stream}{there} and {lacking} never come together: such samples lack a feature", "such streams")
        return sample


def _fit(first: Sample, other: Sample) -> bool:
    """Whether two parts are of one sample: of one time, if they have any, and each with what the other lacks."""
    same = first.time == other.time or (_is_untimed(first) and _is_untimed(other))
    return (
        same
        and not (first.problem or other.problem)
        and all(one is None or two is None for one, two in zip(first.values, other.values, strict=True))
    )


def _is_untimed(sample: Sample) -> bool:
    return sample.time is None or sample.time == "" or (isinstance(sample.time, float) and math.isnan(sample.time))


def _together(first: Sample, other: Sample) -> Sample:
    values = tuple(one if two is None else two for one, two in zip(first.values, other.values, strict=True))
    text = "\n".join(filter(None, (first.text, other.text)))
    known, now = other.known or first.known, other.now or first.now
    return first._replace(values=values, text=text, lacks=None in values, known=known, now=now)
