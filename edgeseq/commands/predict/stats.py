"""What became of the samples, counted and timed for the one line at the end."""

from collections import Counter
from typing import TYPE_CHECKING

from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.printable import counted
from edgeseq_runtime.streaming.ledger import REASONS_BY_CODE
from edgeseq_runtime.streaming.validation import STATUSES

if TYPE_CHECKING:
    from edgeseq_runtime.outcomes import Outcomes, StepResult


class Stats:
    """Counts samples by their status."""

    def __init__(self, measured: str) -> None:
        self._measured = measured
        self._counts: Counter[tuple[str, str]] = Counter()  # by status and reason
        self._anomalies: Counter[str] = Counter()  # by their kind
        self._looks_for_anomalies = False
        self._seconds = 0.0

    def add(self, result: "StepResult", seconds: float) -> None:
        """Count a sample that was answered, what was odd about it, and how long that took."""
        self._counts[result.status, result.reason] += 1
        if result.p_values is not None:
            self._looks_for_anomalies = True
            self._anomalies[result.anomaly] += 1
        self._seconds += seconds

    def add_time(self, seconds: float) -> None:
        """Add what several samples took together."""
        self._seconds += seconds

    def add_all(self, outcomes: "Outcomes", seconds: float) -> None:
        """Count samples that were answered, and how long all of them took."""
        codes = Counter(zip(outcomes.statuses.tolist(), outcomes.reasons.tolist(), strict=True))
        self._counts.update({(STATUSES[status], REASONS_BY_CODE[reason]): n for (status, reason), n in codes.items()})
        if outcomes.anomaly is not None:
            self._looks_for_anomalies = True
            self._anomalies.update(
                {ANOMALIES_BY_CODE[code]: n for code, n in Counter(outcomes.anomaly.tolist()).items()}
            )
        self._seconds += seconds

    def __bool__(self) -> bool:
        return bool(self._counts)

    def summary(self) -> str:
        """Return one line about all samples answered."""
        total = self._counts.total()
        if not total:
            return counted(0, "sample")
        statuses: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for (status, reason), count in self._counts.items():
            statuses[status] += count
            reasons[reason] += count
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        issues = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()) if reason)
        kinds += f"; reasons: {issues}" if issues else ""
        kinds += self._alarms()
        return f"{counted(total, 'sample')}: {kinds}; {1e6 * self._seconds / total:.0f} us each, {self._measured}"

    def _alarms(self) -> str:
        """Return how many anomalies of each kind there were, where they are looked for."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self._anomalies.items()) if kind)
        return f"; anomalies: {kinds or 'none'}" if self._looks_for_anomalies else ""
