"""The same samples give the same answers, whichever way they come."""

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from tests.conftest import CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until

BEGIN = datetime(2025, 5, 1, tzinfo=UTC)
FIELDS = ("forecast", "status", "warm", "reason", "lower", "upper", "drift")


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


Row = tuple[datetime, float, float | None]


def rows() -> list[Row]:
    """Sixty samples of two columns, a minute apart, in which some values of the second are lacking."""
    chance = np.random.default_rng(0)
    return [
        (BEGIN + timedelta(minutes=at), round(float(np.sin(at / 7)), 4), None if chance.random() < 0.2 else at / 60)
        for at in range(60)
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
    path = tmp_path / "model.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint(features=2, targets=2, horizon=3, period=60.0)))
    return path


@pytest.fixture
def by_json(edgeseq: CommandLine, model_of_two: Path, tmp_path: Path) -> list[dict[str, Any]]:
    """What comes of the samples as JSON lines."""
    return streamed(edgeseq, model_of_two, tmp_path / "samples.jsonl", map(as_json, rows()))


def streamed(edgeseq: CommandLine, model: Path, file: Path, lines: Any, *words: str) -> list[dict[str, Any]]:
    file.write_text("\n".join(lines) + "\n")
    return [json.loads(line) for line in edgeseq.must("predict", model, "--input", file, *words).out.splitlines()]


def test_csv_and_json_lines(
    edgeseq: CommandLine, model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]]
) -> None:
    lines = ["t,f0,f1", *map(as_csv, rows())]
    assert_same(streamed(edgeseq, model_of_two, tmp_path / "samples.csv", lines), by_json)


def test_line_protocol_and_json_lines(
    edgeseq: CommandLine, model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]]
) -> None:
    """Among points of another stream, which comes less often."""
    lines = [
        line for at, row in enumerate(rows()) for line in [as_point(row), *["plant,boiler=b f0=0.5,f1=1"][at % 2 :]]
    ]
    answers = streamed(edgeseq, model_of_two, tmp_path / "samples.line", lines, "--input-format", "influx")
    assert [answer["stream"] for answer in answers] == [line.split(" ")[0] for line in lines]
    assert_same([answer for answer in answers if answer["stream"] == "plant,boiler=a"], by_json)


def test_mqtt_and_json_lines(model_of_two: Path, tmp_path: Path, by_json: list[dict[str, Any]]) -> None:
    """The messages wait in the session, so that many are taken together; their topics take turns."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker = Broker(tmp_path / "broker")
    assert Service(broker, model_of_two).wait_for_subscription(broker).stop() == 0
    peer = Peer(broker, "forecasts/+")
    for row in rows():
        for name in "abc":
            peer.publish(f"plant/{name}", as_json(row))
    service = Service(broker, model_of_two).wait_for_subscription(broker, 2)
    wait_until(lambda: len(peer.messages) >= 180, "no forecasts")
    assert service.stop() == 0
    for name in "abc":
        answers = [message for topic, message, _ in peer.messages if topic == f"forecasts/{name}"]
        assert_same(answers, by_json)
        assert [answer["t"] for answer in answers] == [answer["t"] for answer in by_json]
        assert answers[0]["times"] == by_json[0]["times"]
