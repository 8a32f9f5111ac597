"""Progress of a training in a log."""

import pytest

from edgeseq.commands import train_log
from edgeseq.commands.train_log import ProgressLog


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
