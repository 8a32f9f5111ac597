"""Progress of a training in a log."""

from pathlib import Path

import pytest

from edgeseq.commands import train_log
from edgeseq.commands.train_log import PhaseLog, ProgressLog, tell_of_reading


def test_a_line_comes_every_half_minute_and_says_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step takes a second: of a run that goes on at step 100, the steps 130 and 160 are told."""
    said: list[str] = []
    monkeypatch.setattr(train_log, "note", said.append)
    now = 0.0
    log = ProgressLog("step", 100, 400, clock=lambda: now)
    for step in range(101, 170):
        now += 1
        log.show(step, f"loss {step}")
    assert said == ["step 130 of 400, loss 130, about 4 min left", "step 160 of 400, loss 160, about 4 min left"]


def test_a_phase_is_told_as_it_begins_and_then_every_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A part takes two seconds: of eight, the first, the fourth and the seventh are told; then the next phase."""
    said: list[str] = []
    monkeypatch.setattr(train_log, "note", said.append)
    now = 100.0
    log = PhaseLog(200_000, clock=lambda: now)
    for part in range(1, 9):
        log.say("linear path", f"{part} of 8")
        now += 2
    log.say("figures", "all")
    assert said == ["linear path: 1 of 8", "linear path: 4 of 8", "linear path: 7 of 8", "figures: all"]
    said.clear()
    PhaseLog(199_999).say("figures", "of a short series")
    assert not said


def test_a_large_file_is_told_of_before_it_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said: list[str] = []
    monkeypatch.setattr(train_log, "note", said.append)
    small, large = tmp_path / "small.csv", tmp_path / "large.csv"
    small.write_bytes(b"1\n")
    with large.open("wb") as file:
        file.truncate(134_000_000)
    tell_of_reading((str(small),))
    tell_of_reading(("co2",))
    assert not said
    tell_of_reading((str(large),))
    assert said == ["reading large.csv: 134 MB"]
