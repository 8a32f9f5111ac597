"""The benchmark over MQTT runs, at so few messages that no figure means anything."""

import json
from pathlib import Path

import pytest

from tests.helpers.broker import program

pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")


def test_each_case_is_answered_to_the_last_message(tmp_path: Path) -> None:
    from benchmarks.messages.__main__ import CASES, main

    program("mosquitto")
    file = tmp_path / "figures.json"
    main(["--messages", "50", "--repeats", "1", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    assert [row["count"] for row in rows] == [int(50 * case.share) for case in CASES]
    assert all(row["bare paho, a second"] > 0 and row["ratio"] > 0 for row in rows)
