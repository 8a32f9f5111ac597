"""What training says at its end: of a network that its linear path hardly needs, and of adaptation."""

from pathlib import Path

import numpy as np

from edgeseq.commands.train_run import _advice
from tests.conftest import CommandLine


def test_a_smaller_network_is_proposed_only_where_there_is_one() -> None:
    """Who typed --hidden 8 is not told to type it."""
    assert "--hidden 8" in _advice(0.0, 30)[0]
    assert _advice(0.0, 8) == []
    assert _advice(0.5, 30) == []


def test_what_was_decided_about_adaptation_is_said(edgeseq: CommandLine, tmp_path: Path) -> None:
    """With both figures where the validation part decided, and with both rows in the table at the end."""
    values = np.convolve(np.random.default_rng(0).standard_normal(700), [1, 0.7, 0.4])
    (tmp_path / "in.csv").write_text("value\n" + "\n".join(f"{value:.3f}" for value in values))
    words = ("train", tmp_path / "in.csv", "--steps", "10", "--hidden", "4", "-o", tmp_path / "c")
    decided, on, off = (edgeseq.must(*words, *more) for more in ((), ("--adapt", "on"), ("--adapt", "off")))
    assert "adaptation: on; MSE over the validation part " in decided.err
    assert "adaptation:" not in on.err + off.err
    assert "lstm 2x4, adapted" in decided.out
    assert on.out == decided.out
    assert "adapted" not in off.out
    assert off.out.splitlines()[:4] == decided.out.splitlines()[:4]
