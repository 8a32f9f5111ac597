"""No command writes onto what it reads, nor twice into one file: refused before any work, and nothing has changed."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError
from tests.conftest import CommandLine

CASES = {
    "the series becomes a checkpoint": ("train s.csv -o s.csv", "-o and SERIES"),
    "the second series": ("train a.csv s.csv -o s.csv", "-o and SERIES"),
    "the series becomes a picture": ("train s.csv -o o --plot s.csv", "--plot and SERIES"),
    "the series becomes the curve": ("train o.curve.csv -o o", "the learning curve of -o and SERIES"),
    "the series becomes the interrupted run": ("train o.resume -o o", "the interrupted run of -o and SERIES"),
    "the series becomes the trials": ("train o.search -o o", "the trials of -o and SERIES"),
    "the picture is the checkpoint": ("train s.csv -o o --plot o", "-o and --plot"),
    "the picture is the curve": ("train s.csv -o o --plot o.curve.csv", "the learning curve of -o and --plot"),
    "the folder is the checkpoint": ("train s.csv -o o --tensorboard o", "-o and --tensorboard"),
    "the checkpoint becomes a model": ("export c.safetensors -o c.safetensors", "-o and CHECKPOINT"),
    "the checkpoint becomes a report": ("export c.safetensors -o o --report c.safetensors", "--report and CHECKPOINT"),
    "the private key becomes a model": ("export c.safetensors -o k.pem --sign k.pem", "-o and --sign"),
    "the report is the model": ("export c.safetensors -o o --report o", "-o and --report"),
    "the checkpoint becomes C": ("export c.c -o c.c --format c", "the .c file of -o and CHECKPOINT"),
    "the checkpoint becomes a header": ("export c.h -o c.c --format c", "the .h file of -o and CHECKPOINT"),
    "the checkpoint becomes a library": ("export c.safetensors -o c.safetensors --format native", "-o and CHECKPOINT"),
    "the key becomes a library": ("export c.safetensors -o k.pem --format native --sign k.pem", "-o and --sign"),
    "the model becomes a picture": ("evaluate m.onnx sine --plot m.onnx", "--plot and MODEL"),
    "the evaluated series becomes one": ("evaluate m.onnx s.csv --plot s.csv", "--plot and SERIES"),
    "the backtested model becomes one": ("backtest m.onnx sine --plot m.onnx", "--plot and MODEL"),
    "the backtested series becomes one": ("backtest m.onnx s.csv --plot s.csv", "--plot and SERIES"),
    "the timed model becomes one": ("bench m.onnx --plot m.onnx", "--plot and MODEL"),
    "the sidecar becomes one": ("bench m.onnx --sidecar n.json --plot n.json", "--plot and --sidecar"),
    "a plug-in becomes one": ("bench m.onnx --provider-library x=p.so --plot p.so", "--plot and --provider-library"),
    "the model becomes a state": ("predict m.onnx --state m.onnx --fresh", "--state and MODEL"),
    "the input becomes a state": ("predict m.onnx --input s.csv --state s.csv --fresh", "--state and --input"),
    "the signer's key becomes a state": ("predict m.onnx --key k.pem --state k.pem", "--state and --key"),
    "the signer's key becomes a picture": ("evaluate m.onnx sine --key k.pem --plot k.pem", "--plot and --key"),
    "the history becomes a state": ("predict m.onnx --history h --state h --fresh", "--state and --history"),
    "the sidecar becomes a state": ("predict m.onnx --sidecar n.json --state n.json", "--state and --sidecar"),
    "the credentials become a state": (
        "predict m.onnx --credentials w --state w --mqtt mqtt://h/t --publish p",
        "--state and --credentials",
    ),
}

SPELLINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "with a dot": lambda path: f"./{path}",
    "through the folder": lambda path: f"../{Path.cwd().name}/{path}",
    "absolute": os.path.abspath,
    "a link": lambda path: linked(path, Path.symlink_to),
    "a hard link": lambda path: linked(path, Path.hardlink_to),
}


def linked(path: str, link: Callable[[Path, Path], None]) -> str:
    other = Path("other")
    if not Path(path).exists():
        return f"./{path}"
    link(other, Path(path).absolute())
    return str(other)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with all files that the commands read; none is what it should be, so none is read."""
    monkeypatch.chdir(tmp_path)
    names = "s.csv a.csv o.curve.csv o.resume o.search c.safetensors k.pem c.c c.h m.onnx n.json p.so h w"
    for name in names.split():
        (tmp_path / name).write_text(f"this is {name}\n")
    return tmp_path


def contents(place: Path) -> dict[str, str]:
    return {str(path.relative_to(place)): path.read_text() for path in place.rglob("*") if path.is_file()}


@pytest.mark.parametrize("case", CASES)
def test_an_output_that_is_read_is_refused_before_any_work(edgeseq: CommandLine, place: Path, case: str) -> None:
    words, names = CASES[case]
    before = contents(place)
    answer = edgeseq(*words.split())
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith(f"edgeseq: {names} are the same file, ")
    assert answer.err.count("\n") == 1
    assert contents(place) == before


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("words", ["train s.csv -o {}", "predict m.onnx --history s.csv --state {} --fresh"])
def test_however_the_path_is_written(edgeseq: CommandLine, place: Path, spelling: str, words: str) -> None:
    before = contents(place)
    answer = edgeseq(*words.format(SPELLINGS[spelling]("s.csv")).split())
    assert answer.code == 2, answer.err
    assert "SERIES are the same file" in answer.err or "--history are the same file" in answer.err
    assert contents(place) | before == contents(place)


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("spelling", ["as it is", "with a dot", "through the folder", "absolute"])
def test_two_outputs_that_are_not_there_yet_are_compared_too(spelling: str) -> None:
    with pytest.raises(UsageError, match="--plot and --report are the same file, new"):
        files.distinct([("--plot", "new"), ("--report", SPELLINGS[spelling]("new"))], [])
    assert not Path("new").exists()


@pytest.mark.usefixtures("place")
def test_a_file_system_that_knows_no_case_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for one: both names lead to one file."""
    stat = Path.stat
    monkeypatch.setattr(Path, "stat", lambda path, **how: stat(path.with_name(path.name.lower()), **how))
    with pytest.raises(UsageError, match=r"-o and SERIES are the same file, S\.CSV"):
        files.distinct([("-o", "S.CSV")], [("SERIES", "s.csv")])


@pytest.mark.usefixtures("place")
def test_files_that_differ_and_streams_that_many_may_share_pass() -> None:
    Path("dangling").symlink_to("elsewhere")
    files.distinct([("-o", "new"), ("--plot", "dangling"), ("--report", None)], [("SERIES", "s.csv"), ("--key", None)])
    files.distinct([("-o", os.devnull), ("--report", os.devnull)], [("--input", os.devnull)])
    reading, writing = os.pipe()
    files.distinct([("-o", f"/dev/fd/{writing}"), ("--plot", f"/dev/fd/{writing}")], [])
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(not Path("/dev/stdin").exists(), reason="this system has no /dev/stdin")
@pytest.mark.parametrize(
    ("redirections", "names"),
    [
        ("--state in --fresh < in", "--state and --input"),
        ("< in >> in", "stdout and --input"),
        ("--state out < in >> out", "--state and stdout"),
    ],
)
def test_redirections_are_files_as_well(model_path: Path, tmp_path: Path, redirections: str, names: str) -> None:
    """What is appended to the input would be read again, for ever."""
    (tmp_path / "in").write_text("0.1\n")
    words = ["/bin/sh", "-c", f"exec {sys.executable} -m edgeseq predict {model_path} {redirections}"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.startswith(f"edgeseq: {names} are the same file, ")
    assert (tmp_path / "in").read_text() == "0.1\n"


@pytest.mark.usefixtures("place")
def test_an_example_is_no_file(
    edgeseq: CommandLine,
) -> None:
    """A checkpoint may be called like the series that it learned."""
    edgeseq.must("train", "sine", "--steps", 1, "--hidden", 2, "--layers", 1, "-o", "sine")
