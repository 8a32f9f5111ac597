"""Whether a stream of a model for any sensor still is what it was: how often one-step errors leave what it has shown.

No validation part has shown what errors are usual there, so each stream's own have to. They are taken as they are, in
the sensor's unit: the scale in multiples of which intervals count grows with the errors, and would hide it.

A stream's life has parts of 128, 256, 512, 1024, 2048 and from then on 4096 samples. In each a width is learned that a
tenth of the errors exceed: it grows by a factor with each error beyond it and shrinks by a smaller one with each other.
(That is the logarithm of a quantile, by stochastic approximation: H. Robbins, S. Monro, A stochastic approximation
method, Annals of Mathematical Statistics 22, 1951.) After 30 samples in a row without a larger error it stays as it is:
what is calm for hours and then busy is judged by its busy hours.

What is usual is the larger width of two parts, the two before the last that is over. So what changes is not at once
what is usual, and a stream is judged from sample 896 on. An old stream that gets worse for good keeps the flag for at
least 4,096 samples; then that is what it is like. When the flag is lowered sooner, what was has passed: the stream is
like that from then on.
"""

from collections.abc import Mapping

import numpy as np

from edgeseq_runtime.arrays import Float32, Float64, Rows
from edgeseq_runtime.monitoring.drift import ALARM, CLEAR, MEMORY, RAISED, Drift

SHOWN_ERRORS = "monitor.shown"
"""What a snapshot calls the numbers below."""

SHARE, COUNT, PARTS, CALM, WIDTH, LAST, EARLIER, EARLIEST = range(8)
"""What is kept of a stream: the running share of errors outside of what is usual; samples of this part; parts before
it, up to `MOST_PARTS`; samples in a row without an error beyond this part's width, up to one more than `CALM_AFTER`;
that width; and those of the three parts before. Widths are 0 where there is none yet, in the sensor's unit."""

WORDS = 8

FIRST_PART, MOST_PARTS = 128, 5
"""Samples of the first part; each has twice as many as the one before, up to 2 ** MOST_PARTS times as many."""

WIDER = 1.0625
"""An error beyond so many times the usual width is outside of it: of whole numbers one is as large as the width."""

CALM_AFTER = 30
"""A width stays as it is after so many samples in a row without an error beyond it."""

GAIN, YOUNG_GAIN = 0.05, 3.0
"""A width moves by the larger of the first and the second over the part's samples, times one of the two below."""

MISSED, HELD = 0.9, 0.1
"""What an error beyond the width adds, and what another takes away: balanced where a tenth are beyond."""

ROUGH = 16
"""In a part's first samples a width is doubled or halved: it may be off by any factor."""

LEAST = 1e-30
"""A width that has begun stays above this."""


class ShownDrift(Drift):
    """The flags of streams of one target, of a model that was trained on none of them."""

    learned = SHOWN_ERRORS, RAISED
    shown: Float32
    """(stream, word): see `SHARE` and what follows it."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self._begin("shown", (WORDS,), np.float32)
        self._bind()

    def update(self, rows: Rows, errors: Float32) -> None:
        """Move on by the one-step errors (stream, 1), in the sensor's unit; see `Drift`.

        While a stream has had no error but 0, nothing is learned.
        """
        shown, sizes = np.ascontiguousarray(self.shown[rows].T, np.float64), np.abs(errors[:, 0]).astype(np.float64)
        known = (sizes > 0) | ((sizes == 0) & (shown[WIDTH] > 0))
        before = None if known.all() else shown.copy()
        flags = self.raised[rows]
        usual = np.where(shown[EARLIEST] > 0, np.maximum(shown[EARLIER], shown[EARLIEST]), np.inf)
        shown[SHARE] += ((sizes > WIDER * usual) - shown[SHARE]) / MEMORY  # stays 0 where nothing is usual yet
        raised = self._flags(shown[SHARE], flags)
        self._widen(shown, sizes)
        passed = (flags > raised) & known
        if passed.any():
            shown[LAST] = np.where(passed, np.maximum(shown[LAST], shown[WIDTH]), shown[LAST])
            shown[EARLIER] = np.where(passed, np.maximum(usual, shown[WIDTH]), shown[EARLIER])
        ends = shown[COUNT] >= FIRST_PART * 2 ** shown[PARTS]
        if ends.any():
            shown[LAST:, ends] = shown[WIDTH:EARLIEST, ends]
            shown[PARTS, ends] = np.minimum(shown[PARTS, ends] + 1, MOST_PARTS)
            shown[COUNT, ends] = 0
        if before is not None:
            shown, raised = np.where(known, shown, before), np.where(known, raised, flags)
        self.shown[rows], self.raised[rows] = shown.T, raised

    @staticmethod
    def _widen(shown: Float64, sizes: Float64) -> None:
        """Move the widths of streams (word, stream) on by errors of these sizes (stream,), in place."""
        shown[COUNT] += 1
        count, width, beyond = shown[COUNT], shown[WIDTH], sizes > shown[WIDTH]
        shown[CALM] = np.where(beyond, 0, np.minimum(shown[CALM] + 1, CALM_AFTER + 1))
        gain = np.maximum(GAIN, YOUNG_GAIN / count)
        factor = np.where(beyond, 1 + MISSED * gain, np.where(shown[CALM] <= CALM_AFTER, 1 - HELD * gain, 1))
        if count.min() <= ROUGH:
            factor = np.where(count <= ROUGH, np.where(beyond, 2, 0.5), factor)
        shown[WIDTH] = np.where(width > 0, np.maximum(width * factor, LEAST), sizes).astype(np.float32)

    def update_one(self, errors: list[float]) -> bool:
        """Move the first stream on by its one-step error (1,), in the sensor's unit; see `Drift`."""
        raised, shown = self._first
        size, width = abs(errors[0]), shown[WIDTH]
        if size > 0 or (size == 0 and width > 0):
            was_raised = raised[0]
            usual = max(shown[EARLIER], shown[EARLIEST])
            if shown[EARLIEST] > 0:
                share = shown[SHARE] + ((size > WIDER * usual) - shown[SHARE]) / MEMORY
                shown[SHARE] = share
                raised[0] = 1 if share > ALARM else 0 if share < CLEAR else was_raised
            count = self._widen_first(size, width)
            if was_raised and not raised[0]:
                shown[LAST], shown[EARLIER] = max(shown[LAST], shown[WIDTH]), max(usual, shown[WIDTH])
            if count >= FIRST_PART * 2 ** int(shown[PARTS]):
                shown[EARLIEST], shown[EARLIER], shown[LAST] = shown[EARLIER], shown[LAST], shown[WIDTH]
                shown[PARTS], shown[COUNT] = min(shown[PARTS] + 1, MOST_PARTS), 0
        return bool(raised[0])

    def _widen_first(self, size: float, width: float) -> float:
        """Move the first stream's width on by an error of this size; return how many samples its part has."""
        shown = self._first[1]
        is_beyond, count = size > width, shown[COUNT] + 1
        calm = 0 if is_beyond else min(shown[CALM] + 1, CALM_AFTER + 1)
        gain = max(GAIN, YOUNG_GAIN / count)
        if count <= ROUGH:
            factor = 2 if is_beyond else 0.5
        elif is_beyond:
            factor = 1 + MISSED * gain
        else:
            factor = 1 - HELD * gain if calm <= CALM_AFTER else 1
        shown[COUNT], shown[CALM] = count, calm
        shown[WIDTH] = max(width * factor, LEAST) if width > 0 else size
        return float(count)

    def arrays_of(self, row: int) -> dict[str, Float32]:
        """Return what a snapshot has to keep of a stream."""
        return {SHOWN_ERRORS: self.shown[row], RAISED: self.raised[row : row + 1]}

    def load(self, row: int, arrays: Mapping[str, Float32]) -> None:
        """Go on from what `arrays_of` returned."""
        self.shown[row], self.raised[row] = arrays[SHOWN_ERRORS], arrays[RAISED][0]

    @staticmethod
    def might_hold(shown: Float32) -> bool:
        """Whether a stream may have these numbers (word,)."""
        share, *counts = shown[: CALM + 1].tolist()
        most = FIRST_PART * 2**MOST_PARTS - 1, MOST_PARTS, CALM_AFTER + 1
        are_counts = all(count in range(end + 1) for count, end in zip(counts, most, strict=True))
        return bool(0 <= share <= 1 and are_counts and ((shown[WIDTH:] >= 0) & np.isfinite(shown[WIDTH:])).all())
