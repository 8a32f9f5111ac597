"""Influx line protocol: taken apart as its specification says, and written so that it reads back."""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import influx
from edgeseq_runtime.rules import AS_THEY_ARE
from tests.conftest import Answer, CommandLine

ONE, TWO = make_spec(), make_spec(features=2)


def run(*words: object, text: str) -> Answer:
    command = [sys.executable, "-m", "edgeseq", "predict", *map(str, words), "--input-format", "influx"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize(
    ("text", "key", "fields", "time"),
    [
        ("m f0=1", "m", {"f0": 1.0}, None),
        ("m f0=-1.5e+3 -7", "m", {"f0": -1500.0}, -7),
        ("m f0=1i,f1=18446744073709551615u 5", "m", {"f0": 1.0, "f1": 18446744073709551615.0}, 5),
        ("m f0=t,f1=FALSE,f2=True", "m", {"f0": 1.0, "f1": 0.0, "f2": 1.0}, None),
        ("m,b=2,a=1 f0=1", "m,a=1,b=2", {"f0": 1.0}, None),
        (r"my\ m\,x,a\=b=c\ d,e=f\,g f0=1 5", r"my\ m\,x,a\=b=c\ d,e=f\,g", {"f0": 1.0}, 5),
        (r"m=x f\ 0\,\=\\=1", "m=x", {r"f 0,=" + "\\": 1.0}, None),
        (r"m,a=b\c f0=1", r"m,a=b\c", {"f0": 1.0}, None),
        (r'm s="a, b=c \" \\",f0=2 9', "m", {"s": r'"a, b=c \" \\"', "f0": 2.0}, 9),
        ('"m",a="x" f0=1', '"m",a="x"', {"f0": 1.0}, None),
        ("m  f0=1  5", "m", {"f0": 1.0}, 5),
        ("m f0=1 noon", "m", {"f0": 1.0}, "noon (not nanoseconds)"),
        ("m f0=1 1700000000.5", "m", {"f0": 1.0}, "1700000000.5 (not nanoseconds)"),
        ("m f0=1 99999999999999999999", "m", {"f0": 1.0}, "99999999999999999999 (not nanoseconds)"),
        ("m f0=1 5 6", "m", {"f0": 1.0}, "5 6 (not nanoseconds)"),
        ("wetter,ort=Köln f0=1 5", "wetter,ort=Köln", {"f0": 1.0}, 5),
    ],
)
def test_a_line_means_what_the_specification_says(
    text: str, key: str, fields: dict[str, float | str], time: int | str | None
) -> None:
    assert influx.parse(text) == influx.Point(key, fields, time)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("m", "expected a space and fields at character 2"),
        ("m ", "a field's name at character 3"),
        (",a=1 f0=1", "a measurement at character 1"),
        ("m,a f0=1", "= at character 4"),
        ("m,a= f0=1", "a value of the tag a at character 5"),
        ("m,a=1,a=2 f0=1", "has the tag a twice"),
        ("m f0=", "a value of the field f0 at character 6"),
        ("m f0=1,", "a field's name at character 8"),
        ("m f0=abc", "the field f0: expected a line protocol value, got 'abc'"),
        ("m f0=nan", "the field f0: expected a line protocol value, got 'nan'"),
        ("m f0=1.5i", "expected a line protocol value, got "),
        ("m f0=-1u", "expected a line protocol value, got "),
        ("m f0=1_0", "expected a line protocol value, got "),
        ('m f0="open', "a value of the field f0"),
        ('m f0="a"b', "expected a space and the time at character 9"),
    ],
)
def test_a_line_that_is_none_says_where(text: str, word: str) -> None:
    with pytest.raises(DataError) as found:
        influx.parse(text)
    assert word in str(found.value)


names = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=8).filter(
    lambda name: not name.startswith("#") and name == " ".join(name.splitlines())
)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(lambda value: (repr(value), value)),
    st.integers(-(2**63), 2**63 - 1).map(lambda value: (f"{value}i", float(value))),
    st.integers(0, 2**64 - 1).map(lambda value: (f"{value}u", float(value))),
    st.booleans().map(lambda value: (str(value).lower(), float(value))),
)


def written(name: str, special: str) -> str:
    """A name as the specification wants it written: a backslash before special characters and itself."""
    return "".join(f"\\{letter}" if letter in special + "\\" else letter for letter in name)


@given(
    names, st.dictionaries(names, names, max_size=3), st.dictionaries(names, numbers, min_size=1, max_size=3),
    st.none() | st.integers(-(2**63) + 2, 2**63 - 2),
)  # fmt: skip
def test_what_is_written_reads_back(
    measurement: str, tags: dict[str, str], fields: dict[str, tuple[str, float]], time: int | None
) -> None:
    """Points with any names: taken apart, forecast, written, and taken apart again."""
    pairs = [f"{written(name, ', =')}={written(value, ', =')}" for name, value in tags.items()]
    head = ",".join([written(measurement, ", "), *pairs])
    body = ",".join(f"{written(name, ', =')}={text}" for name, (text, _) in fields.items())
    point = influx.parse(f"{head} {body}" + ("" if time is None else f" {time}"))
    assert point.fields == {name: value for name, (_, value) in fields.items()}
    assert point.time == time
    forecast = {name: np.array([1.5, np.nan, -2e-7], np.float32) for name in fields}
    line = influx.forecast_line(point.key, point.time, forecast, "ok", warm=True)
    back = influx.parse(line)
    in_order = sorted(pairs, key=lambda pair: re.findall(r"(?:\\.|[^=])*", pair)[0])
    assert back.key == ",".join([written(f"{measurement}_forecast", ", "), *in_order])
    assert back.time == time
    wanted = {f"{name}_h{step}": value for name in fields for step, value in ((1, 1.5), (3, -2e-7))}
    assert back.fields == {**wanted, "status": '"ok"', "warm": 1.0}


@given(st.lists(st.binary(max_size=40) | st.text('m,=\\ "f01i\t#\n', max_size=30).map(str.encode)))
def test_no_text_breaks_the_reader(content: list[bytes]) -> None:
    for sample in influx.read(content, TWO):
        assert len(sample.values) == 2
        assert sample.problem is None or "\n" not in sample.problem


def test_fields_are_found_by_name_and_the_rest_is_ignored() -> None:
    text = b'm f1=2,other="x",f0=1i 5\nm f1=3\n'
    samples = list(influx.read(text.splitlines(keepends=True), TWO))
    assert [(s.time, s.values, s.problem) for s in samples] == [(5, (1.0, 2.0), None), (None, (None, 3.0), None)]


def test_blank_lines_and_comments_are_no_samples() -> None:
    assert [s.line for s in influx.read([b"# f0=1\n", b"\n", b"  \r\n", b"m f0=1\r\n"], ONE)] == [4]


def test_a_line_without_end_is_refused_not_kept() -> None:
    (sample,) = influx.read([b"m f0=" + b"9" * (1 << 21)], ONE)
    assert "bytes" in (sample.problem or "")
    assert sample.text == ""


def test_each_set_of_tags_is_a_stream_of_its_own(model_path: Path) -> None:
    """Whatever the order of the tags: the forecasts are those of one predictor for each sensor."""
    text = ""
    for turn in range(6):
        text += f"t,{'a=1,b=2' if turn % 2 else 'b=2,a=1'} f0={turn / 10} {turn}\nt,a=2 f0={-turn}i {turn}\n"
    answer = run(model_path, "--format", "influx", "--range", "flag", text=text)
    assert answer.code == 0
    sensors = {key: Predictor(model_path, rules=AS_THEY_ARE) for key in ("t_forecast,a=1,b=2", "t_forecast,a=2")}
    for number, line in enumerate(answer.out.splitlines()):
        turn, point = number // 2, influx.parse(line)
        p = sensors[point.key]
        forecast = p.step(turn / 10 if number % 2 == 0 else float(-turn))
        found = [point.fields[f"h{step}"] for step in (1, 2, 3)]
        np.testing.assert_allclose(np.array(found, np.float64), forecast[:, 0], rtol=1e-6, atol=1e-6)
        assert (point.fields["status"], point.fields["warm"], point.time) == ('"ok"', float(p.warm), turn)
    assert number == 11


def test_several_targets_come_by_name_and_a_lacking_forecast_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint(features=2, targets=2, horizon=2)))
    first, second = run(path, "--format", "influx", text="m f0=1 1\nm f0=1,f1=2 2\n").out.splitlines()
    assert first == 'm_forecast status="missing",warm=false 1'
    assert list(influx.parse(second).fields) == ["f0_h1", "f0_h2", "f1_h1", "f1_h2", "status", "warm"]


def test_other_forms_of_output_name_the_stream(model_path: Path) -> None:
    found = json.loads(run(model_path, text="t,a=1 f0=1 5\n").out)
    assert (found["t"], found["stream"]) == (5, "t,a=1")
    header, row = run(model_path, "--format", "csv", text="t,a=1 f0=1\n").out.splitlines()
    assert header.startswith("t,stream,f0+1,")
    assert row.startswith('0,"t,a=1",')


def test_a_line_that_is_none_ends_the_stream_after_those_before_it(model_path: Path) -> None:
    answer = run(model_path, "--format", "influx", text="t f0=1 1\nt f0=abc 2\nt f0=1 3\n")
    assert (answer.code, len(answer.out.splitlines())) == (1, 1)
    assert answer.err.splitlines()[-1].startswith(
        "edgeseq: line 2: the field f0: expected a line protocol value, got 'abc'"
    )


def test_or_is_left_out_or_missing_where_the_user_wants_it(model_path: Path) -> None:
    """A line that does not say whose it is is left out; text in a feature is a missing sample of its stream."""
    text = 't f0=1 1\n!\ncpu load=3 2\nt f0="off" 3\n'
    answer = run(model_path, "--format", "influx", "--keep", "--unreadable", "missing", text=text)
    lines = answer.out.splitlines()
    assert [line for line in lines if not line.startswith("t_forecast ")] == text.splitlines()
    forecasts = [influx.parse(line) for line in lines if line.startswith("t_forecast ")]
    assert [(point.time, point.fields["status"]) for point in forecasts] == [(1, '"ok"'), (3, '"imputed"')]
    for word in ("line 2: '!' is not line protocol", "line 3: no field f0; the line has load; left out"):
        assert word in answer.err
    assert "line 4: f0 is 'off'; its values in training were no flags; taken as missing" in answer.err


def test_all_streams_go_on_from_one_state_file(model_path: Path, tmp_path: Path) -> None:
    text = [f"t,a={sensor} f0={turn * sensor / 10}\n" for turn in range(5) for sensor in (1, 2, 3)]
    whole = run(model_path, text="".join(text)).out
    parts = [run(model_path, "--state", tmp_path / "s", text="".join(part)) for part in (text[:7], text[7:])]
    assert "".join(part.out for part in parts) == whole
    assert "resumed 3 streams after 7 samples" in parts[1].err


def test_a_state_file_of_another_kind_is_refused(model_path: Path, tmp_path: Path) -> None:
    state = tmp_path / "s"
    state.write_bytes(Predictor(model_path).snapshot())
    answer = run(model_path, "--state", state, text="t f0=1\n")
    refusal = "this is not a state of edgeseq's streams, or nothing of it is left"
    wanted = f"edgeseq: {state}: {refusal}; use --fresh to start over\n"
    assert (answer.code, answer.err) == (1, wanted)


@pytest.mark.parametrize(
    ("words", "word"),
    [
        (["--input-format", "auto", "--format", "influx"], "--format influx needs --input-format influx"),
        (["--keep"], "--keep needs --format influx"),
        (["--future-points"], "--future-points needs --format influx"),
        (["--state-every", "1"], "--state-every needs --state"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    edgeseq: CommandLine, model_path: Path, words: list[str], word: str
) -> None:
    answer = edgeseq("predict", model_path, *words)
    assert answer.code == 2
    assert word in answer.err


def test_one_stream_of_a_pool_goes_on_in_another(model: bytes) -> None:
    """Bit for bit, under another name, beside other streams; and a refused snapshot changes nothing."""
    pool, other = Pool(model), Pool(model)
    for turn in range(5):
        pool.step({"a": turn / 10, "b": -turn / 10})
        other.step({"x": 1.0})
    blob = pool.snapshot("a")
    other.restore("y", blob)
    assert (other.status_of("y"), other.is_warm("y")) == (pool.status_of("a"), pool.is_warm("a"))
    np.testing.assert_array_equal(other.step({"y": 0.7})["y"], pool.step({"a": 0.7})["a"])
    with pytest.raises(ValueError, match="damaged"):
        other.restore("z", blob[:-1])
    assert len(other) == 2
