"""That fuzzing finds what is wrong, and begins with what is right. The fuzzing itself is `make fuzz`."""

import time
from collections.abc import Callable

import pytest

from tests.fuzz.__main__ import check, fuzz, main
from tests.fuzz.targets import Target, targets


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    return {target.name: target for target in targets(tmp_path_factory.mktemp("fuzz"))}


def test_every_reader_takes_the_inputs_that_are_right_and_survives_a_few_others(known: dict[str, Target]) -> None:
    """With a seed that is always the same."""
    for target in known.values():
        for content in target.seeds:
            target.read(content)
        fuzz(target, 0, 20)


def wrong(content: bytes) -> None:
    if b"\xff" in content:
        raise KeyError(content)


@pytest.mark.parametrize("read", [wrong, lambda content: content.decode()])
def test_an_exception_that_is_none_of_ours_is_found(read: Callable[[bytes], object]) -> None:
    with pytest.raises((KeyError, UnicodeDecodeError)):
        fuzz(Target("wrong", read, [b"right"]), 1, 1000)


def test_a_reader_that_takes_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([0.0, 3.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    with pytest.raises(AssertionError, match=r"it took 3\.0 s"):
        check(Target("slow", len, [b""]), b"")


def test_the_same_seed_tries_the_same_inputs() -> None:
    tried: list[list[bytes]] = []
    for number in (5, 5, 6):
        tried.append([])
        fuzz(Target("any", tried[-1].append, [b"some text", b"12.5"]), number, 50)
    assert tried[0] == tried[1] != tried[2]
    assert len(set(tried[0])) > 20


def test_the_program_says_what_it_found(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fuzz.__main__.targets", lambda _: [Target("a", wrong, [b"x"]), Target("b", len, [b"x"])])
    assert main(["--seconds", "2", "--seed", "1"]) == 1
    said = capsys.readouterr().out
    assert "a: " in said
    assert "KeyError" in said
    assert "b: " in said
    assert "nothing found" in said
    assert main(["--seconds", "0.1", "--target", "b"]) == 0
