"""What is said where samples come faster or slower than those that the model was trained on: one note as it begins."""

from edgeseq.commands.notes import note
from edgeseq_runtime.reading import durations

_NEAR = 0.05
"""How far a pace may be from the duration that a person would name."""


def note_pace(where: str, pace: float, period: float | None) -> None:
    """Say it of a stream, which `where` names, in which the seconds from one sample to the next were just found."""
    if not period or not pace:
        return
    have, wanted = durations.text(_rounded(pace)), durations.text(period)
    if pace < period:
        text = f"a sample every {have}; the model was trained on one every {wanted}: --every {wanted} averages them"
    else:
        text = f"a sample every {have} is too seldom; the model was trained on one every {wanted}"
    note(f"{where}: {text}", kind="streams of another pace")


def _rounded(seconds: float) -> float:
    """Return a duration that a person would choose, where one is near."""
    for near in (durations.at_least(seconds * (1 - _NEAR)), round(seconds / 60) * 60.0):
        if abs(near - seconds) <= _NEAR * seconds:
            return near
    return float(f"{seconds:.3g}")
