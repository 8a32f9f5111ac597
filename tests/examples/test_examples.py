"""The programs in examples/ run as a newcomer runs them, and the numbers that they print are what they claim."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_runtime import Predictor

EXAMPLES = Path(__file__).parents[2] / "examples"

PUBLIC = {"edgeseq", "edgeseq_export", "edgeseq_runtime"}
"""What examples may import of the project: the packages themselves, none of their modules."""


def run(name: str, folder: Path, *words: str, **environment: str) -> str:
    """Run an example in an empty folder, with warnings as errors; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), *words],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def numbers(pattern: str, printed: str) -> list[tuple[float, ...]]:
    """Return the groups of each place where the pattern stands, as numbers."""
    found = [match.groups() for match in re.finditer(pattern, printed)]
    assert found, f"{pattern!r} is not in\n{printed}"
    return [tuple(map(float, groups)) for groups in found]


def test_first_forecast_beats_persistence_by_far(tmp_path: Path) -> None:
    printed = run("first_forecast.py", tmp_path)
    assert numbers(r"sine\.onnx: (\d+) bytes", printed) == [((tmp_path / "sine.onnx").stat().st_size,)]
    assert numbers(r"error of the forecasts: (\S+) times", printed)[0][0] < 0.2


def test_own_csv_beats_persistence_with_int8_weights(tmp_path: Path) -> None:
    printed = run("own_csv.py", tmp_path)
    ((rmse, persistence),) = numbers(r"ahead: (\S+); persistence: (\S+)", printed)
    assert rmse < 0.5 * persistence
    assert Predictor(tmp_path / "own.onnx").spec.quantize == "int8"


@pytest.mark.slow
def test_own_csv_takes_a_file_and_a_column(tmp_path: Path) -> None:
    """Of another form than the one that it makes up: no times, a second column, a gap."""
    rows = ["flow,pressure", *(f"{row % 20},{abs(row % 12 - 6) + row % 7 / 10}" for row in range(900))]
    rows[300:306] = ["1,"] * 6
    (tmp_path / "pumps.csv").write_text("\n".join([*rows, ""]))
    printed = run("own_csv.py", tmp_path, "pumps.csv", "pressure")
    ((rmse, persistence),) = numbers(r"ahead: (\S+); persistence: (\S+)", printed)
    assert rmse < persistence
    assert "forecasts of pressure" in printed
    assert not (tmp_path / "boiler.csv").exists()


def test_many_sensors_beats_persistence_on_each_of_them(tmp_path: Path) -> None:
    """The one that training never saw among them, each in its own unit."""
    found = numbers(r"tank-(\d): RMSE (\S+), persistence (\S+)", run("many_sensors.py", tmp_path))
    assert [number for number, *_ in found] == [1, 2, 3, 4]
    for _, rmse, persistence in found:
        assert rmse < 0.5 * persistence


def test_own_module_is_the_module_itself_and_beats_persistence(tmp_path: Path) -> None:
    printed = run("own_module.py", tmp_path)
    assert numbers(r"differs from the module by (\S+) ", printed)[0][0] < 1e-4
    ((rmse, persistence),) = numbers(r"ahead: (\S+) degrees; persistence: (\S+)", printed)
    assert rmse < 0.5 * persistence


def test_restart_without_loss_takes_each_sample_once(tmp_path: Path) -> None:
    """The 101st was in the network when the power went, and in no snapshot: it is sent again."""
    printed = run("restart_without_loss.py", tmp_path)
    assert printed.splitlines() == [
        "power cut at sample 101",
        "goes on after 100 samples",
        "300 forecasts, the same as those of an uninterrupted stream",
    ]


def test_on_a_microcontroller_agrees_with_the_model_file(tmp_path: Path) -> None:
    """To a tenth of persistence's error, 0.0071 on this series; without a compiler nothing is compared."""
    printed = run("on_a_microcontroller.py", tmp_path)
    if "no C compiler" in printed:
        pytest.skip("there is no C compiler here")
    assert "self-test: equal to the reference" in printed
    assert numbers(r"within (\S+) of the float32", printed)[0][0] < 7e-4
    assert (tmp_path / "sine.c").exists()


@pytest.mark.slow
def test_on_a_microcontroller_says_where_there_is_no_compiler(tmp_path: Path) -> None:
    printed = run("on_a_microcontroller.py", tmp_path, CC="no-such-compiler")
    assert "there is no C compiler here" in printed
    assert (tmp_path / "sine.c").exists()
    assert not (tmp_path / "forecast").exists()


def test_intervals_and_drift_holds_its_promise_and_notices_the_change(tmp_path: Path) -> None:
    """Of 1,000 samples 900 are expected within, give or take 10 if they were independent; then the noise changes."""
    printed = run("intervals_and_drift.py", tmp_path)
    assert numbers(r"as in training: (\S+)% ", printed)[0][0] == pytest.approx(90, abs=4)
    assert re.findall(r"drift: (True|False)", printed) == ["False", "True"]
    ((lower, upper),) = numbers(r"next sample: (\S+) to (\S+) bar", printed)
    (wide,) = numbers(r"now (\S+) bar wide", printed)[0]
    assert 0.2 < upper - lower < 0.5  # a normal noise of 0.1 has 90 % within 0.33
    assert wide > 1.5 * (upper - lower)


def test_a_temperature_known_ahead_halves_the_error(tmp_path: Path) -> None:
    printed = run("known_ahead.py", tmp_path)
    ((told, untold),) = numbers(r"RMSE (\S+) kW; never told of it: (\S+) kW", printed)
    assert told < 0.6 * untold
    assert numbers(r"stand-ins: (\d+) and (\d+)", printed) == [(0, 2868)]


def test_make_series_writes_the_same_on_every_machine(tmp_path: Path) -> None:
    """The pages show numbers of these series."""
    printed = run("make_series.py", tmp_path)
    files = sorted(tmp_path.iterdir())
    assert printed.split() == ["wrote", *(path.name for path in files)]
    lines = {path.name: path.read_text().splitlines() for path in files}
    assert {name: len(rows) for name, rows in lines.items()} == {
        **{f"boiler-{number}.csv": 337 for number in (1, 2, 9)},
        "boiler.csv": 2835,
        "logger.csv": 1501,
        "plant.csv": 505,
    }
    assert lines["boiler.csv"][:2] == ["time,temp", "2025-01-01T00:00,58.94"]
    assert lines["plant.csv"][1] == "2025-01-01T00:00;40,0;0,0;0"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_uses_the_public_names_only(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree)
    assert 20 <= len(text.splitlines()) <= 65
    for node in ast.walk(tree):
        modules = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        modules += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for module in modules:
            assert module in PUBLIC or not module.startswith("edgeseq"), module


def test_the_table_lists_every_example_and_each_is_run_here() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert set(re.findall(r"^\| \[(\w+\.py)\]\(\1\) \|", (EXAMPLES / "README.md").read_text(), re.MULTILINE)) == names
    assert set(re.findall(r'run\("(\w+\.py)"', Path(__file__).read_text())) == names
