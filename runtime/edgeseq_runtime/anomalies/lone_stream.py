"""One stream of one target: what `anomalies` does for rows, number by number.

A call of NumPy takes as long as ten operations of Python, and most scores stop low on their ladders. The row's own
words are changed where they lie. Each result is rounded as float32 has it, by a write to such a number: so all is the
same to the bit.
"""

from typing import Any

import numpy as np

from edgeseq_runtime.anomalies import event, kinds, ladder, scores
from edgeseq_runtime.anomalies.layout import ALARM, ANCHOR, BITS, GAPS, LAST_GAPS, MOST, OWN_BITS, PAUSE, SEEN, Layout
from edgeseq_runtime.arrays import Float32


def _constants(*numbers: Any) -> tuple[float, ...]:
    """Return numbers as arrays of float32 meet them."""
    return tuple(np.array(numbers, np.float32).tolist())


_CLIP, _LIGHT, _SPREADING = _constants(kinds.CLIP, kinds.SLOW, kinds.SPREAD)
_SUM_CLIP, _ALLOWANCE, _MOST_SUM = _constants(kinds.SUM_CLIP, kinds.ALLOWANCE, kinds.MOST_SUM)
_LARGEST, _LEAST_SPREAD, _LEAST_VALUES = _constants(scores.LARGEST, scores.LEAST_SPREAD, kinds.LEAST_VALUES)
_LEAST_GAP = float(ladder.LEAST_GAP)
_VALUES, _VALUE_CLIP = _constants(kinds.VALUES, kinds.VALUE_CLIP)
_MOST_BITS, _MOST_SCORE, _MOST_COUNTED = _constants(ladder.MOST_BITS, ladder.MOST_SCORE, event.MOST_COUNTED)
_BEGINS, _SURPRISING, _CERTAIN, _ENDS = _constants(event.BEGINS, event.SURPRISING, event.CERTAIN, event.ENDS)
_TEACHES, _LASTS = _constants(event.TEACHES, event.LASTS)
_FORGETTING, _LEVEL_FORGETTING, _PAUSE = _constants(kinds.FORGETTING, kinds.LEVEL_FORGETTING, event.PAUSE)
_MOST_OF_SIZE, _FIRST_COUNTS = kinds.MOST_OF_SIZE, kinds.FIRST_COUNTS
_BELOW, _WORTH, _LAST_UP, _LAST_DOWN = (
    table.tolist() for table in (ladder.BELOW, ladder.WORTH, ladder.LAST_UP, ladder.LAST_DOWN)
)
(
    _AT_COUNT,
    _AT_SIZE,
    _AT_FAR_SIZE,
    _AT_RISE,
    _,
    _AT_FAR_RISE,
    _,
    _AT_SLOW,
    _AT_SPREAD,
    _AT_RUN,
    _AT_LAST,
    _AT_MEAN,
    _AT_DEVIATION,
    _AT_VALUES,
    _AT_EVENT,
    _AT_TAUGHT,
    _AT_QUIET,
    _AT_MOST,
) = range(18)
"""Places of a target's numbers after its bits, in the order of `layout`; falling sums stand after rising ones."""
_FOOT = (0, False)
_TOP, _LAST_TOP = ladder.RUNGS - 1, len(ladder.SHARES) - 1


class LoneStream:
    """The row of a stream."""

    def __init__(self, layout: Layout, row: Float32, limit: np.float32, least: tuple[float, float]) -> None:
        self._row: Any = memoryview(row.data)  # of which single numbers are read sooner than of an array
        self._rounded: Any = memoryview(np.zeros(1, np.float32).data)
        self._limit, self._least = float(limit), least
        self._codes = [kinds.WORDS.index(kind.word) + 1 for kind in layout.kinds]
        self._bits, self._alarm, self._pause = (layout.shared[name].offset for name in (BITS, ALARM, PAUSE))
        first, last = (layout.head + layout.of_target[name].offset for name in (OWN_BITS, MOST))
        self._own_bits, self._numbers = first, self._row[first + 1 : last + 1]
        self._gaps, self._last_gaps = (layout.head + layout.of_target[name].offset for name in (GAPS, LAST_GAPS))
        places = layout.of_target
        self._seen, self._anchor = (
            (layout.head + places[name].offset for name in (SEEN, ANCHOR)) if layout.is_running else (0, 0)
        )
        """Places of both; 0: there are none."""
        self._width, self._has_far = len(layout.kinds), layout.horizon > 1
        self._priors = [kind.prior for kind in layout.kinds]
        self._weights = _constants(*(kind.weight for kind in layout.kinds))
        self._trained = [int(kind.trained) for kind in layout.kinds]
        rates = np.array([kind.rate for kind in layout.kinds], np.float32)
        self._rates, self._ups, self._downs = rates.tolist(), (1 + rates).tolist(), (1 / (1 + rates)).tolist()
        """Of kinds: by which share, up and down, gaps move that have settled."""
        self._unsettled = [1 / kind.rate - kind.prior for kind in layout.kinds]
        """Samples that have taught, for each kind, until its lowest gap has settled; twice as many for the next."""

    def update(self, error: float, far: float, sample: float) -> None:
        """Do what `Anomalies.update` does of a finite error; the farther one may be NaN."""
        if not -_LARGEST <= error <= _LARGEST:
            error = _LARGEST if error > 0 else -_LARGEST
        if not -_LARGEST <= sample <= _LARGEST:
            sample = _LARGEST if sample > 0 else -_LARGEST
        found = self._score(error, far, sample)
        most, kind, tops = self._climb(found)
        bits, top, is_past = self._climb_last(most)
        self._stretch(found, tops)
        self._learn(tops)
        if self._teaches(bits):
            self._learn_last(top, is_past=is_past)
        row, pause = self._row, self._row[self._pause]
        row[self._own_bits] = row[self._bits] = bits
        if bits > self._limit and not pause:
            row[self._alarm], row[self._pause] = self._codes[kind], _PAUSE
        else:
            row[self._alarm] = 0.0
            if pause:
                row[self._pause] = pause - 1

    def _score(self, error: float, far: float, sample: float) -> list[float]:
        """Do what `scores` does; return the scores in the order of kinds."""
        r, numbers = self._rounded, self._numbers
        count, size, _, _, _, _, _, slow, spread, run, last = numbers[:11].tolist()
        r[0] = error / size
        ratio = r[0]
        clipped = ratio if -_CLIP <= ratio <= _CLIP else (_CLIP if ratio > 0 else -_CLIP)
        near = self._add(
            _AT_RISE, ratio if -_SUM_CLIP <= ratio <= _SUM_CLIP else (_SUM_CLIP if ratio > 0 else -_SUM_CLIP)
        )
        r[0] = clipped - slow
        r[0] = _LIGHT * r[0]
        numbers[_AT_SLOW] = slow + r[0]
        r[0] = abs(clipped) - spread
        r[0] = _SPREADING * r[0]
        numbers[_AT_SPREAD] = spread + r[0]
        spread = numbers[_AT_SPREAD]
        numbers[_AT_RUN] = run + 1 if sample == last else 0.0
        numbers[_AT_LAST] = sample
        r[0] = 1 / (spread if spread > _LEAST_SPREAD else _LEAST_SPREAD)
        silence = r[0]
        since = min((self._row[self._seen] if self._seen else count) + _FIRST_COUNTS, _FORGETTING)
        numbers[_AT_SIZE] = self._moved(size, abs(error), since, self._least[0])
        found = [min(abs(ratio), _MOST_SCORE), near, abs(numbers[_AT_SLOW]), spread, silence, numbers[_AT_RUN]]
        if self._has_far:
            found.insert(2, self._far_score(far, since))
        return found + self._take_value(sample)

    def _far_score(self, far: float, since: float) -> float:
        """Take a farther error, which may be NaN; return the score of its sums."""
        r, numbers = self._rounded, self._numbers
        size, clipped = numbers[_AT_FAR_SIZE], 0.0
        if far - far == 0:
            if not -_LARGEST <= far <= _LARGEST:
                far = _LARGEST if far > 0 else -_LARGEST
            r[0] = far / size
            ratio = r[0]
            clipped = ratio if -_CLIP <= ratio <= _CLIP else (_CLIP if ratio > 0 else -_CLIP)
            numbers[_AT_FAR_SIZE] = self._moved(size, abs(far), since, self._least[1])
        return self._add(_AT_FAR_RISE, clipped)

    def _add(self, place: int, error: float) -> float:
        """Add an error to its sums upwards and downwards, which stand there; return their score."""
        r, numbers = self._rounded, self._numbers
        r[0] = numbers[place] + error
        upwards = r[0]
        r[0] = upwards - _ALLOWANCE
        numbers[place] = min(max(r[0], 0.0), _MOST_SUM)
        r[0] = numbers[place + 1] - error
        downwards = r[0]
        r[0] = downwards - _ALLOWANCE
        numbers[place + 1] = min(max(r[0], 0.0), _MOST_SUM)
        return max(float(upwards), float(downwards))

    def _moved(self, size: float, length: float, since: float, least: float) -> float:
        """Return a typical size after an error of some length."""
        r = self._rounded
        r[0] = _MOST_OF_SIZE * size
        r[0] = min(length, r[0]) - size
        r[0] = r[0] / since
        r[0] = size + r[0]
        return max(float(r[0]), least)

    def _take_value(self, sample: float) -> list[float]:
        """Do what `scores` does of the value itself; return its scores."""
        r, numbers = self._rounded, self._numbers
        count, mean, deviation, values = (
            numbers[_AT_COUNT],
            numbers[_AT_MEAN],
            numbers[_AT_DEVIATION],
            numbers[_AT_VALUES],
        )
        if self._anchor:
            count, distance = self._row[self._seen], self._above_mean(sample, mean)
        else:
            if mean != mean:  # noqa: PLR0124 - NaN is not itself
                mean = sample
            r[0] = sample - mean
            distance = r[0]
        far, value = distance, 0.0
        if deviation > 0:
            r[0] = distance / deviation
            ratio = r[0]
            if count >= _LEAST_VALUES:
                value = min(max(ratio, -_MOST_SCORE), _MOST_SCORE)
            if not -_CLIP <= ratio <= _CLIP:
                most = _CLIP * deviation
                distance = min(max(distance, -most), most)
        since = count + 1 if count < _LEVEL_FORGETTING else _LEVEL_FORGETTING
        r[0] = distance / since
        if not self._anchor:
            numbers[_AT_MEAN] = mean + r[0]
        else:
            self._row[self._seen] = since
            if distance == far:
                self._row[self._anchor], mean = sample, distance
            numbers[_AT_MEAN] = mean - r[0]
        r[0] = abs(distance) - deviation
        r[0] = r[0] / since
        numbers[_AT_DEVIATION] = deviation + r[0]
        r[0] = min(max(value, -_VALUE_CLIP), _VALUE_CLIP) - values
        r[0] = _VALUES * r[0]
        numbers[_AT_VALUES] = values + r[0]
        values = numbers[_AT_VALUES]
        return [max(value, 0.0), max(-value, 0.0), max(values, 0.0), max(-values, 0.0)]

    def _above_mean(self, sample: float, mean: float) -> float:
        """Return how far a sample lies above the running mean, where that is known by its distance from an anchor."""
        r, anchor = self._rounded, self._row[self._anchor]
        if anchor != anchor:  # noqa: PLR0124 - NaN is not itself
            return 0.0
        r[0] = sample - anchor
        r[0] = mean + r[0]
        return float(r[0])

    def _climb(self, found: list[float]) -> tuple[float, int, list[tuple[int, bool]]]:
        """Return the most bits of scores, of which kind, and where each stopped: its rung, and whether it passed it."""
        r, row, width, place = self._rounded, self._row, self._width, self._gaps
        weights, most, which, tops = self._weights, 0.0, 0, []
        for kind, score in enumerate(found):
            if not score:  # as of one side of what lies on the other
                tops.append(_FOOT)
                continue
            at, rung, begin = place + kind, 0, 0.0
            gap = end = row[at]
            while score >= end and rung < _TOP:
                rung += 1
                at += width
                begin = end
                gap = row[at]
                r[0] = begin + gap
                end = r[0]
            tops.append((rung, score >= end))
            if rung:
                r[0] = score - begin
                r[0] = r[0] / gap
                r[0] = rung + r[0]
            else:
                r[0] = score / gap
            bits = r[0] if rung < _TOP else min(r[0], _MOST_BITS)
            if weights[kind] < 1:
                r[0] = weights[kind] * bits
                bits = r[0]
            if bits > most:
                most, which = bits, kind
        self._numbers[_AT_MOST] = most
        return most, which, tops

    def _climb_last(self, most: float) -> tuple[float, int, bool]:
        """Return the bits of the most of all kinds, and where it stopped, as `_climb` does."""
        r, row, at = self._rounded, self._row, self._last_gaps
        rung, begin = 0, 0.0
        gap = end = row[at]
        while most >= end and rung < _LAST_TOP:
            rung += 1
            begin = end
            gap = row[at + rung]
            r[0] = begin + gap
            end = r[0]
        r[0] = most - begin
        r[0] = r[0] / gap
        r[0] = r[0] * _WORTH[rung]
        r[0] = _BELOW[rung] + r[0]
        return min(r[0], _MOST_BITS), rung, most >= end

    def _teaches(self, bits: float) -> bool:
        """Do what `event.move` does."""
        numbers = self._numbers
        is_on = numbers[_AT_EVENT]
        if bits > _BEGINS:
            if not is_on:
                numbers[_AT_EVENT], numbers[_AT_TAUGHT] = 1.0, 0.0
            numbers[_AT_QUIET] = 0.0
        elif is_on:
            numbers[_AT_QUIET] += 1
            if numbers[_AT_QUIET] > _ENDS:
                numbers[_AT_EVENT] = 0.0
                return True
        else:
            return True
        if bits > _SURPRISING:
            numbers[_AT_TAUGHT] += 1
            if bits > _CERTAIN and numbers[_AT_TAUGHT] <= _TEACHES:
                numbers[_AT_TAUGHT] = _TEACHES + 1
            return not _TEACHES < numbers[_AT_TAUGHT] <= _LASTS
        return True

    def _stretch(self, found: list[float], tops: list[tuple[int, bool]]) -> None:
        """Do what `ladder.stretch` does; `tops` become those of the widened ladders."""
        count = int(self._numbers[_AT_COUNT])
        if count >= ladder.MOST_TRAINED:
            return
        for kind, (top, is_past) in enumerate(tops):
            passed = top + is_past
            if passed > ladder.LEAST_STRETCHED:
                lowest = (count + self._trained[kind]).bit_length() + ladder.TRUSTED_BEYOND
                if lowest < min(passed, ladder.RUNGS):
                    tops[kind] = self._widen(self._gaps + kind, lowest, found[kind])

    def _widen(self, at: int, lowest: int, score: float) -> tuple[int, bool]:
        """Widen the rungs from `lowest` on to where a score came; return where it stops then, as `_climb` does."""
        r, row, width, begin = self._rounded, self._row, self._width, 0.0
        for _ in range(lowest):
            r[0] = begin + row[at]
            begin = r[0]
            at += width
        r[0] = score - begin
        beyond = r[0]
        for place in range(at, at + (ladder.RUNGS - lowest) * width, width):
            row[place] = max(row[place], beyond)
        for rung in range(lowest, ladder.RUNGS):
            r[0] = begin + row[at]
            begin = r[0]
            at += width
            if score < begin:
                return rung, False
        return _TOP, True

    def _learn(self, tops: list[tuple[int, bool]]) -> None:
        """Move the gaps of the kinds' ladders after scores that stopped there, and count the sample."""
        row, numbers, width, unsettled, place = self._row, self._numbers, self._width, self._unsettled, self._gaps
        count = numbers[_AT_COUNT]
        soon: dict[tuple[float, float], tuple[list[float], list[float]]] = {}
        for kind, (rung, is_past) in enumerate(tops):
            at = place + kind
            if count >= unsettled[kind] * (1 << rung):
                up = self._ups[kind]
                for _ in range(rung):
                    row[at] *= up
                    at += width
                gap = row[at] * (up if is_past else self._downs[kind])
            else:
                of_kind = self._priors[kind], self._rates[kind]
                if of_kind not in soon:
                    soon[of_kind] = [], []
                ups, downs = soon[of_kind]
                if len(ups) <= rung:
                    self._add_rates(of_kind, count, rung, ups, downs)
                for lower in range(rung):
                    row[at] *= ups[lower]
                    at += width
                gap = row[at] * (ups[rung] if is_past else downs[rung])
            row[at] = gap if gap > _LEAST_GAP else _LEAST_GAP
        if count < _MOST_COUNTED:
            numbers[_AT_COUNT] = count + 1

    def _add_rates(
        self, of_kind: tuple[float, float], count: float, top: int, ups: list[float], downs: list[float]
    ) -> None:
        """Have lists hold by how much a kind's gaps move, up to the rung `top`, while not all have settled."""
        r, (prior, rate) = self._rounded, of_kind
        for rung in range(len(ups), top + 1):
            r[0] = prior + count * 0.5**rung
            r[0] = 1 / r[0]
            r[0] = 1 + (r[0] if r[0] > rate else rate)
            ups.append(r[0])
            r[0] = 1 / r[0]
            downs.append(r[0])

    def _learn_last(self, top: int, *, is_past: bool) -> None:
        """Move the gaps of the last ladder."""
        row, at = self._row, self._last_gaps
        for rung in range(top):
            row[at + rung] *= _LAST_UP[rung]
        if is_past:
            row[at + top] *= _LAST_UP[top]
        else:
            row[at + top] = max(row[at + top] * _LAST_DOWN[top], _LEAST_GAP)
