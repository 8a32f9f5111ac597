"""What a line of output holds, and that many lines at once are the same lines."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.commands.predict.formats import CsvFormat, Format, InfluxFormat, JsonFormat
from edgeseq.testing import make_spec
from edgeseq_runtime.anomalies.kinds import ANOMALIES_BY_CODE
from edgeseq_runtime.io import influx
from edgeseq_runtime.io.text_lines import Sample
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.rules import REASONS
from edgeseq_runtime.streaming.validation import STATUSES

SECONDS = 1_700_000_000.0
FORECAST = np.array([[0.1], [1e-7], [np.nan]], np.float32)
SPEC = make_spec(horizon=3, period=600.0)


def result(forecast: np.ndarray = FORECAST, status: str = "ok", seconds: float = SECONDS, **more: Any) -> StepResult:
    return StepResult(forecast, status, warm=True, number=7, seconds=seconds, **more)


def test_json_says_when_a_forecast_is_for_beside_it() -> None:
    line = JsonFormat(SPEC).line(Sample(1, "2023-11-14 22:13:20", (1.0,)), result())
    assert line == (
        '{"t": "2023-11-14 22:13:20", '
        '"times": ["2023-11-14 22:23:20", "2023-11-14 22:33:20", "2023-11-14 22:43:20"], '
        '"forecast": [0.1, 1e-07, null], "status": "ok", "warm": true}'
    )


def test_lines_have_the_digits_that_a_forecast_beside_an_anchor_is_good_for() -> None:
    """As many as the float32 has that is added to the anchor, and none of those that their sum has besides."""
    forecast = 100_000_002.1 + np.array([[0.3], [1 / 3], [np.nan]], np.float32).astype(np.float64)
    found = result(forecast, anchor=100_000_002.1)
    assert '"forecast": [100000002.4, 100000002.433333, null]' in JsonFormat(SPEC).line(Sample(1, 5, (1.0,)), found)


@pytest.mark.parametrize(
    ("form", "sample", "found"),
    [
        (JsonFormat(SPEC, times=False), Sample(1, 5, (1.0,)), result()),
        (JsonFormat(make_spec(horizon=3)), Sample(1, 5, (1.0,)), result()),
        (JsonFormat(SPEC), Sample(1, None, (1.0,)), result(seconds=float("nan"))),
        (JsonFormat(SPEC), Sample(1, "", (1.0,)), result()),
        (JsonFormat(SPEC), Sample(1, "noon", (1.0,)), result()),
        (JsonFormat(SPEC), Sample(1, 5, (1.0,)), result(status="skipped")),
    ],
)
def test_or_does_not_where_that_is_unwanted_or_unknown(form: Format, sample: Sample, found: StepResult) -> None:
    """Without a period, without a time that can be read, and beside a forecast that is repeated."""
    assert "times" not in json.loads(form.line(sample, found))


def test_csv_has_the_time_of_the_first_step() -> None:
    form = CsvFormat(SPEC)
    assert form.header() == "t,f0+1,f0+2,f0+3,status,warm,t+1"
    assert form.line(Sample(1, 1_700_000_000, (1.0,)), result()) == "1700000000,0.1,1e-07,,ok,true,1700000600"
    assert form.line(Sample(1, None, (1.0,)), result(seconds=float("nan"))) == "7,0.1,1e-07,,ok,true,"
    assert CsvFormat(SPEC, times=False).header() == "t,f0+1,f0+2,f0+3,status,warm"


def test_line_protocol_has_a_point_for_each_step_where_that_is_asked() -> None:
    """At nanoseconds since 1970; one point at the sample's time where that is not known."""
    time = 1_700_000_000_000_000_001
    sample = Sample(1, time, (1.0,), stream="m,a=b", text="m,a=b f0=1")
    kept, *lines = InfluxFormat(SPEC, keep=True, ahead=True).line(sample, result()).split("\n")
    assert kept == "m,a=b f0=1"
    points = [influx.parse(line) for line in lines]
    assert [point.time for point in points] == [time + 600 * 10**9 * step for step in (1, 2, 3)]
    assert [point.fields.get("f0") for point in points] == [0.1, 1e-7, None]
    assert [point.fields["step"] for point in points] == [1, 2, 3]
    assert {point.key for point in points} == {"m_forecast,a=b"}
    untimed = InfluxFormat(SPEC, ahead=True).line(sample._replace(time=None), result(seconds=float("nan")))
    assert untimed == 'm_forecast,a=b h1=0.1,h2=1e-07,status="ok",warm=true'


def test_a_time_in_line_protocol_is_a_whole_number() -> None:
    """A third of a second is none of nanoseconds; a line with a point or an exponent there is refused by databases."""
    form = InfluxFormat(make_spec(horizon=3, period=1 / 3), ahead=True)
    for time in (1_700_000_000_000_000_001, 1_700_000_000_000, 1_700_000_000):
        sample = Sample(1, time, (1.0,), stream="m", text="m f0=1")
        assert all(line.rpartition(" ")[2].isdigit() for line in form.line(sample, result()).split("\n"))


def test_a_time_that_cannot_be_read_has_none_whatever_came_before_it() -> None:
    form = JsonFormat(SPEC)
    for time, wanted in (("2024-13-99", False), ("2024-01-01", True), ("2024-13-99", False)):
        line = form.line(Sample(1, time, (1.0,)), result(reason="" if wanted else "time"))
        assert ("times" in json.loads(line)) is wanted


TWO = make_spec(features=2, targets=2, horizon=1)
SURPRISED: dict[str, Any] = {"p_values": np.array([0.25, 1e-6, 2e-6], np.float32), "anomaly": "spike"}
UNKNOWN: dict[str, Any] = {"p_values": np.full(3, np.nan, np.float32)}


def test_json_says_how_surprising_a_sample_is_and_names_an_alarm() -> None:
    """Of several targets by name too; null where there is none, and nothing where anomalies are not looked for."""
    forecast, sample = np.zeros((1, 2), np.float32), Sample(1, 5, (1.0, 2.0))
    form = JsonFormat(TWO)
    line = form.line(sample, result(forecast, **SURPRISED))
    assert line.endswith(', "p_value": 2e-06, "p_values": {"f0": 0.25, "f1": 1e-06}, "anomaly": "spike"}')
    line = form.line(sample, result(forecast, **UNKNOWN))
    assert line.endswith('"warm": true, "p_value": null, "p_values": {"f0": null, "f1": null}}')
    assert "p_value" not in form.line(sample, result(forecast))
    one = result(p_values=np.array([0.125, 0.125], np.float32))
    assert JsonFormat(SPEC).line(sample, one).endswith('"warm": true, "p_value": 0.125}')


def test_csv_has_columns_for_it_where_anomalies_are_looked_for() -> None:
    """At the end, so that the others stay where they are."""
    forecast, sample = np.zeros((1, 2), np.float32), Sample(1, 5, (1.0, 2.0))
    form = CsvFormat(TWO, anomalies=True)
    assert form.header() == "t,f0+1,f1+1,status,warm,p_value,f0_p_value,f1_p_value,anomaly"
    assert form.line(sample, result(forecast, **SURPRISED)) == "5,0.0,0.0,ok,true,2e-06,0.25,1e-06,spike"
    assert form.line(sample, result(forecast, **UNKNOWN)) == "5,0.0,0.0,ok,true,,,,"
    assert CsvFormat(SPEC, anomalies=True).header() == "t,f0+1,f0+2,f0+3,status,warm,t+1,p_value,anomaly"


def test_line_protocol_has_fields_for_it_at_the_time_of_the_sample() -> None:
    """Beside the steps of the forecast, each of which stands at a time of its own, in a point of its own."""
    sample = Sample(1, 1_700_000_000_000_000_001, (1.0, 2.0), stream="m,a=b", text="m,a=b f0=1")
    surprised = result(np.zeros((1, 2), np.float32), **SURPRISED)
    fields = influx.parse(InfluxFormat(TWO).line(sample, surprised)).fields
    assert {name: fields[name] for name in ("p_value", "f0_p_value", "f1_p_value", "anomaly")} == {
        "p_value": 2e-6,
        "f0_p_value": 0.25,
        "f1_p_value": 1e-6,
        "anomaly": '"spike"',
    }
    assert "p_value" not in InfluxFormat(TWO).line(sample, result(np.zeros((1, 2), np.float32), **UNKNOWN))
    found = result(p_values=np.array([0.5, 0.5], np.float32))
    *steps, about = InfluxFormat(SPEC, ahead=True).line(sample, found).split("\n")
    assert about == f"m_forecast,a=b p_value=0.5 {sample.time}"
    assert len(steps) == 3
    assert not any("p_value" in step for step in steps)


numbers = st.floats(width=32) | st.integers(-1000, 1000).map(float)
p_values = st.floats(0, 1, width=32) | st.just(float("nan"))
times = st.none() | st.integers(0, 10**19) | st.text(max_size=12) | st.sampled_from(["2024-01-01", "2024-01-01T00:00Z"])


@given(st.data(), st.integers(1, 3), st.integers(1, 2), st.booleans(), st.booleans())
def test_many_lines_at_once_are_the_same_lines(
    data: st.DataObject, horizon: int, targets: int, named: bool, watched: bool
) -> None:
    """Of any results; and JSON is what `json.dumps` writes, but for what a terminal would obey."""
    spec = make_spec(features=2, targets=targets, horizon=horizon, period=60.0)
    count = data.draw(st.integers(1, 5))
    size = count * horizon * targets

    def drawn() -> np.ndarray:
        values = data.draw(st.lists(numbers, min_size=size, max_size=size))
        return np.array(values, np.float32).reshape(count, horizon, targets)

    samples = [Sample(at, data.draw(times), (1.0, None), stream=data.draw(st.text(max_size=4))) for at in range(count)]
    forecasts, lower, upper = drawn(), drawn(), drawn()
    results = [
        StepResult(
            forecasts[at],
            data.draw(st.sampled_from(STATUSES)),
            data.draw(st.booleans()),
            at,
            data.draw(st.sampled_from(["", *REASONS])),
            (lower[at], upper[at]) if watched else None,
            watched and data.draw(st.booleans()),
            data.draw(st.just(float("nan")) | st.floats(0, 1e10)),
            np.array(data.draw(st.lists(p_values, min_size=targets + 1, max_size=targets + 1)), np.float32)
            if watched
            else None,
            data.draw(st.sampled_from(ANOMALIES_BY_CODE)) if watched else "",
        )
        for at in range(count)
    ]
    for form in (JsonFormat(spec, named=named), CsvFormat(spec, named=named, anomalies=watched)):
        lines = [form.line(*pair) for pair in zip(samples, results, strict=True)]
        assert form.lines(samples, Outcomes.of(results, (horizon, targets))) == lines
        if isinstance(form, JsonFormat):
            for line in lines:
                plain = json.dumps(json.loads(line), ensure_ascii=False)
                assert line == plain or not plain.isprintable()
                assert line.isprintable()
