"""Numbers as options that nobody would give: one line, at once."""

import os
from pathlib import Path

import pytest

from tests.conftest import CommandLine


@pytest.mark.parametrize(
    "words", ["train -o {out} --linear-path", "train -o {out} --steps", "predict {model} --threads"]
)
def test_a_number_of_a_hundred_thousand_digits_is_one_line(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, words: str
) -> None:
    """Python converts no text of more than 4,300 digits."""
    answer = edgeseq(*words.format(model=model_path, out=tmp_path / "out").split(), "9" * 100_000)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("edgeseq: Invalid value for '--")
    assert answer.err.count("\n") == 1
    assert len(answer.err) < 1100


def test_more_threads_than_cores_are_told_how_many_there_are(
    edgeseq: CommandLine, model_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    words = ("predict", model_path, "--input", os.devnull, "--threads")
    for threads in ("2", "5000", "9" * 1000):
        said = edgeseq.must(*words, threads).err.splitlines()
        assert said[0] == "--threads: this machine has 1 core, and more threads are not used"
    assert "--threads" not in edgeseq.must(*words, "1").err
