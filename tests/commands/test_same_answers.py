"""The same samples give the same answers, whichever way they come."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.spec import Residuals
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until

BEGIN = datetime(2025, 5, 1, tzinfo=UTC)
WORDS = (
    (),
    (
        "--intervals",
        "--range",
        "impute",
        "--stuck-after",
        "3",
        "--stuck",
        "skip",
        "--gap",
        "flag",
        "--disorder",
        "flag",
    ),
)
"""Options, so that each rule leads to something."""

FIELDS = ("forecast", "status", "warm", "reason", "lower", "upper", "drift")


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


Row = tuple[datetime, float, float | None]


def rows() -> list[Row]:
    """Sixty samples of two columns, a minute apart, with whatever a rule may find.

    Some values of the second are lacking, two are far off, one stands still for a while; there are a gap, a time that
    repeats and one that runs backwards.
    """
    chance = np.random.default_rng(0)
    minutes = np.arange(60) + 3 * (np.arange(60) > 30)
    minutes[[20, 40]] -= 1, 5
    first = np.sin(minutes / 7).round(4)
    first[[15, 45]] = 85_000.0, -127.0
    first[50:56] = 0.25
    return [
        (BEGIN + timedelta(minutes=minute), value, None if chance.random() < 0.2 else at / 60)
        for at, (minute, value) in enumerate(zip(minutes.tolist(), first.tolist(), strict=True))
    ]


def as_json(row: Row) -> str:
    time, first, second = row
    return json.dumps({"t": time.isoformat(), "f0": first} | ({} if second is None else {"f1": second}))


def as_csv(row: Row) -> str:
    time, first, second = row
    return f"{time.isoformat()},{first},{'' if second is None else second}"


def as_point(row: Row) -> str:
    time, first, second = row
    fields = f"f0={first}" + ("" if second is None else f",f1={second}")
    return f"plant,boiler=a {fields} {int(time.timestamp())}000000000"


def assert_same(found: Sequence[dict[str, Any]], wanted: Sequence[dict[str, Any]]) -> None:
    assert len(found) == len(wanted) == 60
    for one, other in zip(found, wanted, strict=True):
        assert [name for name in FIELDS if name in one] == [name for name in FIELDS if name in other]
        for name in FIELDS:
            if isinstance(other.get(name), dict):
                for target, numbers in other[name].items():
                    np.testing.assert_allclose(one[name][target], numbers, rtol=1e-5, atol=1e-6)
            else:
                assert one.get(name) == other.get(name)


@pytest.fixture
def model_of_two(tmp_path: Path) -> Path:
    """It sees the hour, so that times matter to the forecasts too."""
    made = make_checkpoint(features=2, targets=2, horizon=3, period=60.0, clocks=("hour_sin", "hour_cos"))
    residuals = Residuals((0.05, 0.5, 0.95), (((-0.2, 0.0, 0.2),) * 2,) * 3)
    path = tmp_path / "model.onnx"
    path.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))
    return path


@pytest.fixture(params=WORDS, ids=["defaults", "all options"])
def words(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


@pytest.fixture
def by_json(edgeseq: CommandLine, model_of_two: Path, tmp_path: Path, words: tuple[str, ...]) -> list[dict[str, Any]]:
    """What comes of the samples as JSON lines."""
    answers = streamed(edgeseq, model_of_two, tmp_path / "samples.jsonl", map(as_json, rows()), *words)
    found = {answer.get("reason") for answer in answers}
    assert {"absent", "gap", "disorder", "range" if words else "confirm"} <= found
    assert ("stuck" in found and "lower" in answers[0]) == bool(words)
    return answers


def streamed(edgeseq: CommandLine, model: Path, file: Path, lines: Any, *words: str) -> list[dict[str, Any]]:
    file.write_text("\n".join(lines) + "\n")
    return [json.loads(line) for line in edgeseq.must("predict", model, "--input", file, *words).out.splitlines()]


def test_csv_and_json_lines(
    edgeseq: CommandLine, model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    lines = ["t,f0,f1", *map(as_csv, rows())]
    assert_same(streamed(edgeseq, model_of_two, tmp_path / "samples.csv", lines, *words), by_json)


def test_line_protocol_and_json_lines(
    edgeseq: CommandLine, model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    """Among points of another stream, which comes less often; a point that lacks a field waits, and others pass it."""
    lines = [
        line for at, row in enumerate(rows()) for line in [as_point(row), *["plant,boiler=b f0=0.5,f1=1"][at % 2 :]]
    ]
    answers = streamed(edgeseq, model_of_two, tmp_path / "samples.line", lines, "--input-format", "influx", *words)
    assert sorted(answer["stream"] for answer in answers) == sorted(line.split(" ")[0] for line in lines)
    assert_same([answer for answer in answers if answer["stream"] == "plant,boiler=a"], by_json)


def test_mqtt_and_json_lines(
    model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]], words: tuple[str, ...]
) -> None:
    """The messages wait in the session, so that many are taken together; their topics take turns."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker = Broker(tmp_path / "broker")
    assert Service(broker, model_of_two, *words).wait_for_subscription(broker).stop() == 0
    peer = Peer(broker, "forecasts/+")
    for row in rows():
        for name in "abc":
            peer.publish(f"plant/{name}", as_json(row))
    service = Service(broker, model_of_two, *words).wait_for_subscription(broker, 2)
    wait_until(lambda: len(peer.messages) >= 180, "no forecasts")
    assert service.stop() == 0
    for name in "abc":
        answers = [message for topic, message, _ in peer.messages if topic == f"forecasts/{name}"]
        assert_same(answers, by_json)
        assert [answer["t"] for answer in answers] == [answer["t"] for answer in by_json]
        assert answers[0]["times"] == by_json[0]["times"]
