"""Lines of each format that are made to end the process, to stop it or to fill its memory."""

import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.io import influx, text_lines
from edgeseq_runtime.rules import Rules
from edgeseq_runtime.service import named_streams
from edgeseq_runtime.spec import Feature, Residuals
from tests.conftest import CommandLine

SPEC = make_checkpoint(horizon=3).spec
MEGABYTE = (1 << 20) - 64
"""With what stands around it, as long as a line may be."""


def predict(model: Path, text: bytes, *options: str) -> tuple[int, list[str], str]:
    """Run the command line over a text; return its code, the lines that it wrote, and what it said."""
    command = [sys.executable, "-m", "edgeseq", "predict", str(model), *options]
    done = subprocess.run(command, input=text, capture_output=True, check=False, timeout=60)
    return done.returncode, done.stdout.decode().splitlines(), done.stderr.decode()


@pytest.mark.parametrize(
    "value",
    [
        *(character * MEGABYTE for character in ("9", ".", "-", "e", "t", "\\", "=", '"')),
        *("9" * MEGABYTE + end for end in ("x", "i", "u", "e9", "e")),
        "1e" + "9" * MEGABYTE,
        '"' + "\\" * MEGABYTE,
        "9" * 16_000 + "i",
    ],
)
@pytest.mark.parametrize("line", ["m f0={}", "m,tag={} f0=1", "{} f0=1", "m f0=1 {}", "m {}=1,f0=1"])
def test_a_point_of_a_megabyte_takes_no_time(value: str, line: str) -> None:
    begin = time.process_time()
    [sample] = influx.read([line.format(value).encode()], SPEC)
    assert time.process_time() - begin < 2
    assert sample.problem is None or len(sample.problem) < 500


@pytest.mark.parametrize("value", ["9" * 401, "9" * MEGABYTE, "0." + "9" * MEGABYTE])
def test_a_number_that_no_sensor_wrote_is_none(value: str) -> None:
    for line in (value, f"time;f0\n1;{value}", json.dumps({"f0": value})):
        *_, sample = text_lines.read([part.encode() for part in f"1\n{line}".split("\n")][line.count(";") > 0 :], SPEC)
        assert sample.values == (None,)
        assert len(sample.problem or "") < 200


@pytest.mark.parametrize("depth", [10, 900, 975, 979, 985, 1000, 100_000])
@pytest.mark.parametrize("shape", ['{{"f0":{}}}', '{{"t":{},"f0":1}}', '{{"other":{},"f0":1}}', "{}"])
def test_json_of_any_depth_is_read_or_refused(depth: int, shape: str) -> None:
    for nested in ("[" * depth + "]" * depth, '{"a":' * depth + "1" + "}" * depth):
        line = shape.format(nested).encode()
        _, sample = text_lines.read([b'{"f0":0.1}', line], SPEC)
        assert len(sample.problem or "") < 200


def test_all_depths_at_which_python_gives_up_are_survived(model_path: Path) -> None:
    """Reading and writing give up at different depths; the stream goes on behind each."""
    lines = [json.dumps({"f0": 0.1})]
    lines += ['{"f0":' + "[" * depth + "]" * depth + "}" for depth in range(900, 1010)]
    lines += ['{"f0":1,"t":' + "[" * depth + "]" * depth + "}" for depth in range(900, 1010)]
    code, out, said = predict(model_path, "\n".join([*lines, '{"f0": 0.2}']).encode(), "--unreadable", "missing")
    assert (code, len(out)) == (0, len(lines) + 1)
    assert json.loads(out[-1])["status"] == "ok"
    assert "Traceback" not in said


def test_a_header_of_100_000_columns_is_refused_in_a_line_of_bounded_length(model_path: Path) -> None:
    code, out, said = predict(model_path, ",".join(f"column{i}" for i in range(100_000)).encode() + b"\n")
    assert (code, out, said.count("\n")) == (1, [], 1)
    assert len(said) < 1100
    assert "no column 'f0'" in said


@given(text=st.binary(max_size=200))
def test_no_line_ends_a_stream_that_takes_what_it_cannot_read_as_missing(text: bytes) -> None:
    for first in (b"0.1", b"t,f0\n1,2", b'{"f0": 1}'):
        lines = [*first.split(b"\n"), *text.split(b"\n"), b"0.5"]
        assert len(list(text_lines.read(lines, SPEC))) >= 2
    assert list(influx.read([text, b"m f0=1"], SPEC))[-1].values == (1.0,)


def overflowing() -> bytes:
    """Return a model of a series of the size 1e30 whose forecast is its last value and the network's say."""
    made = make_checkpoint(horizon=3)
    big = replace(made.spec.features[0], mean=0.0, center=0.0, std=1e30, scale=1e30, change=1e29)
    big = replace(big, minimum=-3e30, maximum=3e30)
    spec = replace(made.spec, features=(big,), target_scales=((1e29,), (2e29,), (3e29,)))
    return edgeseq_export.build(replace(made, spec=spec))


def infinite() -> bytes:
    """Return a model whose forecast overflows as soon as its network says much more than nothing."""
    made = make_checkpoint(horizon=3)
    largest = max(float(np.abs(weight).max()) for name, weight in made.weights.items() if "head" in name)
    weights = {name: weight / largest if "head" in name else 10 * weight for name, weight in made.weights.items()}
    spec = replace(made.spec, target_scales=((3.3e38,),) * 3)
    return edgeseq_export.build(replace(made, spec=spec, weights=weights))


def test_the_greatest_values_that_pass_do_not_overflow_an_honest_model() -> None:
    p = Predictor(overflowing(), rules=Rules(range="flag"))
    limit = p.spec.features[0].limit
    assert limit > 1e31
    for turn in range(40):
        forecast = p.step(limit if turn % 2 else -limit)
        assert np.isfinite(forecast).all()
        assert p.status == "ok"


def test_a_forecast_that_is_not_finite_is_none_and_the_stream_starts_afresh() -> None:
    """The same by steps, by a block, by a pool of one and of several, with a monitor and with times."""
    content = infinite()
    values = [0.1, 0.9, -2.0, None, 2.5, 0.1, 0.1, None]
    p = Predictor(content)
    stepped = []
    for value in values:
        forecast = p.step(value)
        stepped.append((forecast, p.status))
        assert np.isfinite(forecast).all() or np.isnan(forecast).all()
        assert (p.status == "missing") == bool(np.isnan(forecast).all())
        assert all(np.isfinite(state).all() for state in p.states.values())
    assert {status for _, status in stepped} >= {"missing"}
    assert p.counts["missing"] == sum(status == "missing" for _, status in stepped)
    forecasts = [forecast for forecast, _ in stepped]
    block = Predictor(content)
    np.testing.assert_allclose(block.run(values), forecasts, rtol=1e-5)
    assert (block.counts, block.status, block.samples) == (p.counts, p.status, p.samples)
    timed = Predictor(content)
    for hour, (value, (forecast, status)) in enumerate(zip(values, stepped, strict=True)):
        np.testing.assert_array_equal(timed.step(value, 3600.0 * hour), forecast)
        assert timed.status == status
    pool = Pool(content)
    for value, (forecast, status) in zip(values, stepped, strict=True):
        found = pool.step({"a": value, "b": 0.0})
        np.testing.assert_allclose(found["a"], forecast, rtol=1e-5)
        assert pool.status_of("a") == status


def test_an_infinite_forecast_is_null_in_json_empty_in_csv_and_left_out_of_line_protocol(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(infinite())
    text = "".join(f"{value}\n" for value in (0.1, 0.9, -2.0, 2.5)).encode()
    code, out, _ = predict(path, text)
    lines = [json.loads(line) for line in out]
    assert code == 0
    none = next(line for line in lines if line["status"] == "missing")
    assert none["forecast"] == [None] * 3
    code, out, _ = predict(path, text, "--format", "csv")
    assert (code, any(",,,,missing,false" in line for line in out)) == (0, True)
    points = "".join(f"m f0={value} {at}\n" for at, value in enumerate((0.1, 0.9, -2.0, 2.5))).encode()
    code, out, _ = predict(path, points, "--input-format", "influx", "--format", "influx")
    assert code == 0
    assert any(line.startswith('m_forecast status="missing",warm=false') for line in out)
    assert not any("inf" in line.replace("_forecast", "") or "nan" in line for line in out)


def test_the_ends_of_an_interval_that_are_not_finite_are_null(tmp_path: Path) -> None:
    made = make_checkpoint(horizon=3)
    residuals = Residuals((0.05, 0.5, 0.95), (((-1e308, 0.0, 1e308),),) * 3)
    path = tmp_path / "m.onnx"
    path.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))
    code, out, said = predict(path, b"0.1\n0.2\n0.3\n0.4\n0.5\n", "--intervals")
    assert (code, "Traceback" in said, len(out)) == (0, False, 5)
    assert all(json.loads(line, parse_constant=math.nan.__class__) for line in out)


@pytest.mark.parametrize("size", [1e300, 1.7e308, 3e38, 1e-42, 1e-300])
def test_a_history_of_no_size_that_float32_holds_is_refused(size: float, tmp_path: Path) -> None:
    path, history = tmp_path / "m.onnx", tmp_path / "history.txt"
    path.write_bytes(edgeseq_export.build(make_checkpoint(sensors=2)))
    history.write_text("".join(f"{size * (1 + at % 3 / 10)}\n" for at in range(30)))
    code, out, said = predict(path, b"1\n2\n", "--history", str(history))
    assert (code, out, said.count("\n")) == (1, [], 1)
    assert said.startswith("edgeseq: f0 ")


def test_one_stream_too_many_is_left_out(
    model_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edgeseq: CommandLine
) -> None:
    monkeypatch.setattr(named_streams, "MAX_STREAMS", 2)
    lines = tmp_path / "lines"
    lines.write_text("a f0=1\nb f0=1\nc f0=1\na f0=2\n")
    done = edgeseq.must("predict", model_path, "--input", lines, "--input-format", "influx")
    assert [json.loads(line)["stream"] for line in done.out.splitlines()] == ["a", "b", "a"]
    assert "line 3: more than 2 streams" in done.err


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell")
def test_memory_stays_bounded_by_the_longest_line(model_path: Path) -> None:
    """100 MB in one line, a million brackets, a million quotes: below 200 MB more than an honest line."""
    program = (
        "import re, sys; from edgeseq import cli; code = cli.run(sys.argv[1:]);"
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1], file=sys.stderr); sys.exit(code)"
    )

    def peak(text: bytes, *options: str) -> int:
        command = [sys.executable, "-c", program, "predict", str(model_path), "--unreadable", "missing", *options]
        done = subprocess.run(command, input=text, capture_output=True, check=True)
        return int(done.stderr.split()[-1])

    honest = peak(b"0.1\n0.2\n")
    for text in (b"1" * 100_000_000, b"[" * 1_000_000, b'{"f0":' * 150_000, b'"' * 1_000_000):
        assert peak(b"0.1\n" + text + b"\n0.2\n") < honest + 200_000
    for text in (b"m," + b"a=b," * 250_000, b"m f0=" + b"9" * 1_000_000, b"\\" * 1_000_000):
        assert peak(b"m f0=1\n" + text + b"\n", "--input-format", "influx") < honest + 200_000


def test_the_limit_of_a_value_holds_for_features_of_any_size() -> None:
    """The training part's own values always pass; what passes leaves room in float32."""
    for size in (1e-20, 1.0, 1e10, 1e30, 1e36):
        feature = Feature("v", "", 0, size, size / 10, -3 * size, 3 * size, level=True, center=0, scale=size)
        assert 3 * size <= feature.limit <= 3.4e38 / 4
