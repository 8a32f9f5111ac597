"""What became of the samples, counted and timed for the one line at the end."""

from collections import Counter

from edgeseq_runtime.printable import counted


class Stats:
    """Counts samples by their status."""

    def __init__(self, measured: str) -> None:
        self._measured = measured
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._seconds = 0.0

    def add(self, status: str, seconds: float, reason: str = "") -> None:
        """Count a sample that was answered, what was odd about it, and how long that took."""
        self._counts[status] += 1
        self._reasons[reason] += 1
        self._seconds += seconds

    def __bool__(self) -> bool:
        return bool(self._counts)

    def summary(self) -> str:
        """Return one line about all samples answered."""
        total = sum(self._counts.values())
        if not total:
            return counted(0, "sample")
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
        issues = ", ".join(f"{count} {reason}" for reason, count in sorted(self._reasons.items()) if reason)
        kinds += f"; reasons: {issues}" if issues else ""
        return f"{counted(total, 'sample')}: {kinds}; {1e6 * self._seconds / total:.0f} us each, {self._measured}"
