"""What training finds out about a file is printed, kept in the model file, and obeyed by the other commands unasked."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import CommandLine

TRAIN = ("--steps", 20, "--hidden", 4, "--layers", 1, "--linear-path", "off")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A controller's export: a line before the header, days first, local times, decimal commas, words and a code."""
    folder = tmp_path_factory.mktemp("reading")
    rows = ["Exported by controller 7", "Zeit;Kessel;Status"]
    for hour in range(400):
        cell = {100: "k. S.", 200: "-127,0"}.get(hour, f"{40 + 3 * np.sin(hour / 4):.1f}".replace(".", ","))
        rows.append(f"{1 + hour // 24:02}.03.2025 {hour % 24:02}:00;{cell};gut")
    (folder / "kessel.csv").write_text("\n".join([*rows[:2], *rows[:1:-1], ""]))  # the newest first
    return folder


SAID = ("--target", "Kessel", "--zone", "Europe/Berlin", "--na", "-127", "--na", "k. S.", "--sort", "--every", "2h")


def test_one_line_for_each_decision_and_none_is_asked_again(folder: Path, edgeseq: CommandLine) -> None:
    path, model, onnx = folder / "kessel.csv", folder / "kessel", folder / "kessel.onnx"
    told = edgeseq.must("train", path, *SAID, *TRAIN, "-o", model)
    for line in (
        "header: line 2 (Zeit, Kessel, Status); 1 line before it is no part of the table",
        "time: Zeit, day first: %d.%m.%Y %H:%M, Europe/Berlin",
        "numbers: decimal comma",
        "missing: Kessel: 1 cell 'k. S.', 1 -127",
    ):
        assert told.err.splitlines().count(line) == 1, told.err
    edgeseq.must("export", model, "-o", onnx)
    about = json.loads(edgeseq.must("info", onnx, "--json").out)
    assert about["format"] == 2
    assert about["reading"] == {
        "time": ["Zeit"],
        "time_format": "%d.%m.%Y %H:%M",
        "zone": "Europe/Berlin",
        "missing": ["-127", "k. S."],
        "decimal": ",",
        "skip_rows": 1,
        "every": 7200.0,
        "sort": True,
    }
    shown = next(line for line in edgeseq.must("info", onnx).out.splitlines() if line.startswith("text "))
    assert shown.split(maxsplit=1)[1] == (
        "times in Zeit as %d.%m.%Y %H:%M, in Europe/Berlin; decimal comma; missing: -127, k. S.; mean of each 2 h"
    )
    again = edgeseq.must("evaluate", model, path)
    assert again.out == told.out
    assert edgeseq.must("evaluate", model, path, *SAID[2:]).out == told.out
    edgeseq.must("backtest", model, path)


def test_what_is_said_goes_before_what_was_found(folder: Path, edgeseq: CommandLine) -> None:
    """Other times in another file; without the option, the very decision of the training refuses it."""
    lines = (folder / "kessel.csv").read_text().splitlines()[2:]
    moments = [line.partition(";")[0] for line in lines]
    american = [f"{at[3:5]}/{at[:2]}/{at[6:]}" for at in moments]
    rest = [line.partition(";")[2] for line in lines]
    other = folder / "american.csv"
    other.write_text("\n".join(["Zeit;Kessel;Status", *map(";".join, zip(american, rest, strict=True)), ""]))
    answer = edgeseq("evaluate", folder / "kessel", other)
    assert answer.code == 1
    wanted = edgeseq.must("evaluate", folder / "kessel", folder / "kessel.csv")
    found = edgeseq.must("evaluate", folder / "kessel", other, "--time-format", "%m/%d/%Y %H:%M")
    assert found.out == wanted.out


def test_a_usual_file_has_a_model_of_format_1_and_no_line_about_reading(folder: Path, edgeseq: CommandLine) -> None:
    moments = np.datetime64("2025-03-01T00:00:00") + np.arange(400) * np.timedelta64(1, "h")
    rows = (f"{at},{40 + 3 * np.sin(hour / 4):.1f}" for hour, at in enumerate(moments))
    (folder / "usual.csv").write_text("\n".join(["time,temp", *rows, ""]))
    told = edgeseq.must("train", folder / "usual.csv", *TRAIN, "--adapt", "off", "-o", folder / "usual")
    assert told.err.splitlines()[1].startswith("gaps:")
    about = json.loads(edgeseq.must("info", folder / "usual", "--json").out)
    assert (about["format"], about["reading"]) == (1, {"time": ["time"]})


def test_files_of_the_sine_have_no_text(edgeseq: CommandLine, folder: Path) -> None:
    edgeseq.must("train", *TRAIN, "-o", folder / "sine")
    assert "reading" not in json.loads(edgeseq.must("info", folder / "sine", "--json").out)
