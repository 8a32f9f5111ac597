"""What is counted of each stream: its samples, what became of the last one, and how often each thing happened."""

from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Rows
from edgeseq_runtime.rules import KNOWN, REASONS
from edgeseq_runtime.streaming.row_arrays import RowArrays
from edgeseq_runtime.streaming.validation import IMPUTED, MISSING, OK, SKIPPED, STATUSES

COUNTED = (*STATUSES[1:], *REASONS, "filled")
"""What `counts` counts; samples that were taken are the others."""

PLACES = {name: place for place, name in enumerate(COUNTED)}
"""Where in `Ledger.counts` each stands."""

CODES = {status: code for code, status in enumerate(STATUSES)}
"""The statuses' codes in arrays."""

REASON_CODES = {"": 0} | {reason: code for code, reason in enumerate(REASONS, 1)}
"""The reasons' codes in arrays; 0 where nothing was odd."""

REASONS_BY_CODE = ("", *REASONS)

TAKEN, STOOD_IN, LEFT_OUT, NONE = (CODES[status] for status in (OK, IMPUTED, SKIPPED, MISSING))

Codes = npt.NDArray[np.int8]
Counts = npt.NDArray[np.int64]


class Ledger(RowArrays):
    """The counters. A stream's age is `steps` less `begun`, so that a step of all streams is one sum, not one each."""

    begun: Counts
    """(stream,): at which of `steps` its fresh start was."""
    joined: Counts
    """(stream,): and its first sample, were it one that all samples count from."""
    imputed: Counts
    """(stream,): forecasts that stood in, in a row."""
    skipped: Counts
    """(stream,): samples left out, in a row."""
    status: Codes
    """(stream,): of the last sample, as in `CODES`."""
    reason: Codes
    """(stream,): of the last sample, as in `REASON_CODES`."""
    counts: Counts
    """(stream, name of `COUNTED`)."""

    def __init__(self, room: int) -> None:
        super().__init__(room)
        self.steps = 0
        """Steps that moved all streams."""
        self.is_quiet = True
        """Whether nothing but `steps` and `counts` needs a look: no status, reason, or run of either kind."""
        for name in ("begun", "joined", "imputed", "skipped"):
            self._begin(name, (), np.int64)
        for name in ("status", "reason"):
            self._begin(name, (), np.int8)
        self._begin("counts", (len(COUNTED),), np.int64)

    def erase(self, rows: Any) -> None:
        """Make the rows those of streams that have seen nothing."""
        super().erase(rows)
        self.begun[rows] = self.joined[rows] = self.steps

    def ages(self, rows: Any) -> Counts:
        """Return how many samples streams have seen since their fresh start, (stream,)."""
        return np.asarray(self.steps - self.begun[rows])

    def samples(self, rows: Any) -> Counts:
        """Return how many samples streams have seen in all, missing ones included, (stream,)."""
        return np.asarray(self.steps - self.joined[rows])

    def take_clean(self, rows: Rows) -> None:
        """Count a sample of each stream at `rows` that nothing was odd about."""
        all_moved = isinstance(rows, slice)
        if all_moved:
            self.steps += 1
        else:
            self.begun[rows] -= 1
            self.joined[rows] -= 1
        if not self.is_quiet:
            for array in (self.status, self.reason, self.imputed, self.skipped):
                array[rows] = 0
            self.is_quiet = all_moved

    def take(self, rows: npt.NDArray[np.intp], status: Codes, reason: Codes) -> None:
        """Count a sample of each stream at `rows` with these statuses and reasons; the ages are the caller's."""
        self.joined[rows] -= 1
        ran = self.imputed[rows], self.skipped[rows]
        stood_in, left_out = status == STOOD_IN, status == LEFT_OUT
        self.imputed[rows] = np.where(stood_in, ran[0] + 1, np.where(left_out, ran[0], 0))
        self.skipped[rows] = np.where(left_out, ran[1] + 1, 0)
        self.status[rows], self.reason[rows] = status, reason
        odd = status != TAKEN
        self.counts[rows[odd], status[odd] - 1] += 1
        self._count(rows, reason)
        self.is_quiet = False

    def find(self, rows: npt.NDArray[np.intp], reason: Codes) -> None:
        """Count these reasons, beside what else was found odd: the first that was found is the sample's.

        KNOWN gives way to any other: it says nothing of the sample itself.
        """
        self._count(rows, reason)
        before = self.reason[rows]
        gives_way = (before == 0) | ((before == REASON_CODES[KNOWN]) & (reason > 0))
        self.reason[rows] = np.where(gives_way, reason, before)
        self.is_quiet = False

    def tell(self, rows: npt.NDArray[np.intp], code: int) -> None:
        """Count a reason of samples that were taken, which goes before what else was found."""
        self._count(rows, np.full(len(rows), code, np.int8))
        self.reason[rows] = code
        self.is_quiet = False

    def _count(self, rows: npt.NDArray[np.intp], reason: Codes) -> None:
        found = reason > 0
        self.counts[rows[found], len(STATUSES) - 2 + reason[found].astype(np.intp)] += 1

    def counts_of(self, row: int) -> dict[str, int]:
        """Return how many samples of a stream had each status and reason."""
        counts = dict(zip(COUNTED, self.counts[row].tolist(), strict=True))
        samples = self.steps - int(self.joined[row])
        return {OK: samples - sum(counts[status] for status in STATUSES[1:]), **counts}
