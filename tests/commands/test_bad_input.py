"""Bad input gets one clear line and the right exit code, and leaves nothing behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

import edgeseq_export
from edgeseq.cli import cli
from edgeseq.testing import make_checkpoint
from edgeseq.text import COLUMNS
from tests.conftest import CommandLine

CONSTANT = "v\n" + "3.5\n" * 500
RISING = "v\n" + "".join(f"{number}\n" for number in range(500))


@pytest.fixture
def folder(tmp_path: Path, brief_path: Path) -> Path:
    """A folder with every kind of bad file, and two good ones."""
    good = edgeseq_export.build(make_checkpoint())
    foreign, newer = onnx.load_from_string(good), onnx.load_from_string(good)
    del foreign.metadata_props[:]
    spec = json.loads(next(entry.value for entry in newer.metadata_props if entry.key == "edgeseq"))
    onnx.helper.set_model_props(newer, {"edgeseq": json.dumps(spec | {"format": 3})})
    contents = {
        "good.onnx": good,
        "foreign.onnx": foreign.SerializeToString(),
        "newer.onnx": newer.SerializeToString(),
        "truncated.onnx": good[: len(good) // 2],
        "good.safetensors": brief_path.read_bytes(),
        "truncated.safetensors": brief_path.read_bytes()[:300],
        "archive.pt": b"PK\x03\x04" + bytes(100),
        "empty": b"",
        "header.csv": b"date,v\n",
        "text.csv": b"v\n1\n2\nabc\n4\n",
        "two.csv": b"date,a,b\n2020-01-01,1,2\n2020-01-02,2,3\n",
        "short.csv": b"v\n1\n2\n3\n2\n",
        "constant.csv": CONSTANT.encode(),
        "rising.csv": RISING.encode(),
        "latin.csv": "v;Größe\n1;2\n".encode("latin-1"),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


CASES = [
    # what is typed and does not exist: 2
    ("train nowhere.csv -o out", 2, "no file 'nowhere.csv'"),
    ("train two.csv --target c -o out", 2, "there is no column 'c'; the columns are date, a, b"),
    ("train two.csv -o out", 2, "several columns of numbers: a, b; name one with --target"),
    ("train two.csv --target a --feature z -o out", 2, "there is no column 'z'"),
    ("train two.csv --target a --time z -o out", 2, "there is no column 'z'"),
    ("train co2 --split 1:2 -o out", 2, "TRAIN:VAL:TEST"),
    ("train co2 --split 0.9:0.9:0.9 -o out", 2, "split: expected fractions that add up to 1 at most, got 0.9:0.9:0.9"),
    ("train co2 --horizon 0 -o out", 2, "--horizon"),
    ("train co2 --cell transformer -o out", 2, "'lstm', 'gru', 'rnn'"),
    ("train co2 --unit ppm -o out", 2, "COL=UNIT"),
    ("train co2 --unit nosuch=ppm -o out", 2, "a unit is given for 'nosuch', but the columns in use are co2"),
    ("train co2 --target date --time date -o out", 2, "date is the time column"),
    ("train co2 --every 15 -o out", 2, "in ms, s, min, h or d), got '15'"),
    ("train co2 --time none --target co2 --sort -o out", 2, "--sort needs a time column"),
    ("train --target v -o out", 2, "the sine has one column"),
    ("train co2 --linear-path 1 -o out", 2, "expected auto, off or a number from 2 on, got '1'"),
    ("train co2", 2, "--output"),
    ("export nowhere -o out", 2, "'nowhere' does not exist"),
    ("export good.onnx -o out", 2, "is a model file already"),
    ("export good.safetensors -o out --opset 9", 2, "opset: expected 14 to "),
    ("export good.safetensors -o out --quantize int3", 2, "'none', 'int8', 'int4', 'int8-dynamic'"),
    ("predict nowhere.onnx", 2, "'nowhere.onnx' does not exist"),
    ("predict good.onnx --provider tpu", 2, "no provider 'tpu' here; available: auto, cpu"),
    ("predict good.onnx --input nowhere", 2, "'nowhere' does not exist"),
    ("predict good.onnx --threads 0", 2, "--threads"),
    ("predict good.onnx --state good.onnx", 2, "--state and MODEL are the same file"),
    ("evaluate good.onnx", 2, "name the series"),
    ("evaluate good.onnx co2", 2, "there is no column 'f0'; the columns are date, co2"),
    ("fly", 2, "No such command 'fly'"),
    # what a file holds and cannot be used: 1
    ("train empty -o out", 1, "is empty"),
    ("train header.csv -o out", 1, "no rows"),
    ("train text.csv -o out", 1, "line 4: column 'v' holds 'abc', not a number"),
    ("train short.csv -o out", 1, "is too short"),
    ("train rising.csv --horizon 100 -o out", 1, "a horizon of 100 needs"),
    (
        "train constant.csv -o out",
        1,
        "column 'v' is constant (3.5) in the training part; `edgeseq predict starter` forecasts a constant exactly",
    ),
    ("train co2 --split 9000:1:1 -o out", 1, "needs 9002 rows; mauna_loa_co2 has 2284"),
    ("export truncated.safetensors -o out", 1, "is not a checkpoint"),
    ("export empty -o out", 1, "is not a checkpoint"),
    ("export text.csv -o out", 1, "is not a checkpoint"),
    ("evaluate truncated.onnx", 1, "truncated.onnx is not an ONNX file: it ends within a field"),
    ("predict truncated.onnx", 1, "truncated.onnx is not an ONNX file: it ends within a field"),
    ("predict good.safetensors", 1, "good.safetensors is a checkpoint; `edgeseq export` makes a model file of it"),
    ("verify good.safetensors", 1, "is a checkpoint"),
    ("predict truncated.safetensors", 1, "truncated.safetensors is a damaged checkpoint: it ends within its header"),
    ("verify archive.pt", 1, "archive.pt is a zip archive, as torch.save writes"),
    ("predict empty", 1, "empty is not an ONNX file: it holds no graph"),
    ("predict foreign.onnx", 1, "not one that edgeseq wrote"),
    ("predict newer.onnx", 1, "the file has format 3; this version of edgeseq reads up to format 2"),
    ("verify newer.onnx", 1, "the file has format 3"),
    ("info foreign.onnx", 1, "not one that edgeseq wrote"),
    ("bench truncated.onnx", 1, "truncated.onnx"),
    ("predict good.onnx --input empty", 1, "is empty"),
    ("predict good.onnx --input text.csv", 1, "no column 'f0'; its columns are v"),
    # what cannot be written: 1
    ("train co2 --steps 1 -o lacking/out", 1, "cannot write lacking/out: No such file or directory"),
    ("export good.safetensors -o lacking/out", 1, "cannot write lacking/out"),
    ("evaluate good.safetensors --plot lacking/out.png", 1, "cannot write lacking/out.png"),
    ("predict good.onnx --state lacking/out", 1, "cannot write lacking/out"),
    ("demo -o empty", 2, "'empty' is a file"),
]


@pytest.mark.parametrize(("words", "code", "message"), CASES, ids=[case[0] for case in CASES])
def test_one_clear_line(
    edgeseq: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, words: str, code: int, message: str
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(os.listdir(folder))
    answer = edgeseq(*words.split())
    *notes, line = answer.err.splitlines()
    assert answer.code == code, answer.err
    assert line.startswith("edgeseq: ")
    assert message in line
    assert not any("Traceback" in note or note.startswith("0 samples") for note in notes)
    assert answer.out == ""
    assert sorted(os.listdir(folder)) == before


def unprivileged(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user who may not write everywhere."""
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    return subprocess.run(
        [sys.executable, "-m", "edgeseq", *words], cwd=folder, capture_output=True, text=True, check=False
    )


def test_an_unwritable_folder(folder: Path) -> None:
    locked = folder / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    done = unprivileged(["export", "good.safetensors", "-o", "locked/out"], folder)
    assert done.returncode == 1
    assert done.stderr == "edgeseq: cannot write locked/out: Permission denied\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "words", ["export good.safetensors -o /dev/full", "evaluate good.safetensors --plot /dev/full"]
)
def test_a_full_disk(edgeseq: CommandLine, folder: Path, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    monkeypatch.chdir(folder)
    answer = edgeseq(*words.split())
    assert answer.code == 1
    assert answer.err.splitlines()[-1] == "edgeseq: cannot write /dev/full: No space left on device"


@pytest.mark.parametrize("command", ["train", "export", "evaluate", "predict", "verify", "info", "bench", "demo"])
def test_every_command_has_help_with_an_example(edgeseq: CommandLine, command: str) -> None:
    answer = edgeseq.must(command, "--help")
    assert f"edgeseq {command}" in answer.out or f"edgeseq {command} " in answer.out.replace("\n", " ")
    assert answer.out.count(f"edgeseq {command}") >= 2, "the usage line and an example"


@pytest.mark.parametrize("command", ["", *sorted(cli.commands)])
def test_no_line_of_help_is_wider_than_80_columns(edgeseq: CommandLine, command: str) -> None:
    lines = edgeseq.must(*filter(None, [command]), "--help").out.splitlines()
    assert lines[0].startswith("Usage: edgeseq")
    assert [line for line in lines if len(line) > COLUMNS] == []


def test_without_a_command_the_help_is_printed_as_it_is_laid_out(edgeseq: CommandLine) -> None:
    answer = edgeseq()
    assert answer.code == 2
    assert answer.out == ""
    assert answer.err == edgeseq.must("--help").out


def test_commands_are_listed_in_the_order_that_data_flows(edgeseq: CommandLine) -> None:
    out = edgeseq.must("--help").out
    places = [out.index(f"  {name} ") for name in ("train", "evaluate", "export", "predict")]
    assert places == sorted(places)
