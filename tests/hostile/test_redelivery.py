"""A broker whose connections break before it reads an acknowledgement: it sends all again, and none counts twice."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgeseq_runtime import Predictor
from edgeseq_runtime.mqtt.deduplication import IN_DOUBT, KEPT, SeenMessages
from tests.helpers.broker import (
    PINGREQ,
    PUBACK,
    PUBLISH,
    FakeBroker,
    Service,
    accept,
    end_all,
    packet,
    publication,
    read_packet,
    wait_until,
)

PINGRESP = 0xD0
COUNT, BREAKS = 300, 3


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


class LosesAcknowledgements:
    """Takes what a connection brings in its order up to the first acknowledgement, and hangs up; but for the last time.

    So it never has what was sent after something that it lacks. It confirms what forecasts are left from the connection
    before, and only then sends its messages: in order, marked as sent before where they were.
    """

    def __init__(self, values: list[float]) -> None:
        self._values = values
        self._sent = self._connections = 0
        self.forecasts: list[tuple[int, list[float]]] = []
        self.acknowledged = threading.Event()

    def __call__(self, client: socket.socket) -> None:
        accept(client)
        is_last = self._connections == BREAKS
        self._connections += 1
        self._confirm_what_is_left(client)
        until = COUNT if is_last else min(self._sent + 100, COUNT)
        client.sendall(b"".join(
            publication(b"plant/a", str(value).encode(), at + 1, flags=0x08 * (at < self._sent))
            for at, value in enumerate(self._values[:until])
        ))  # fmt: skip
        self._sent, acknowledged = until, 0
        while True:
            first, content = read_packet(client)
            if first & 0xF0 == PUBLISH:
                self._confirm(client, content)
            elif first == PINGREQ and is_last:
                client.sendall(packet(PINGRESP))
            elif first == PUBACK:
                if not is_last:
                    return
                acknowledged += 1
                assert int.from_bytes(content[:2], "big") == acknowledged
                if acknowledged == COUNT:
                    self.acknowledged.set()

    def _confirm_what_is_left(self, client: socket.socket) -> None:
        client.settimeout(0.3)
        try:
            while True:
                first, content = read_packet(client)
                assert first & 0xF0 == PUBLISH
                self._confirm(client, content)
        except TimeoutError:
            client.settimeout(None)

    def _confirm(self, client: socket.socket, content: bytes) -> None:
        length = int.from_bytes(content[:2], "big")
        message = json.loads(content[content.index(b'{"t"') :])
        self.forecasts.append((message["t"], message["forecast"]))
        client.sendall(packet(PUBACK, content[2 + length : 4 + length]))


def test_acknowledgements_that_are_lost_in_each_of_many_breaks_count_nothing_twice(model_path: Path) -> None:
    """Each break leaves some more samples in doubt than the one before: all are known when they come again."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    values = [round(float(np.sin(at / 7)), 3) for at in range(COUNT)]
    answer = LosesAcknowledgements(values)
    broker = FakeBroker(answer)
    service = Service(broker, model_path)
    wait_until(lambda: answer.acknowledged.is_set() or broker.errors, "not all is acknowledged")
    assert service.stop() == 0
    assert not broker.errors
    assert f"{COUNT} samples: {COUNT} ok" in service.said()
    unbroken = Predictor(model_path)
    expected = [unbroken.step(value)[:, 0] for value in values]
    assert {at for at, _ in answer.forecasts} == set(range(COUNT))
    for at, forecast in answer.forecasts:
        np.testing.assert_allclose(forecast, expected[at], rtol=1e-5, atol=1e-6)


def test_marks_in_doubt_are_kept_however_many_there_are() -> None:
    """And no more than are meant to be: what the broker is known to have goes, from the oldest on."""
    lists: dict[str, list[str]] = {}
    seen = SeenMessages(lists)
    for number in range(KEPT + 50):
        assert seen.has_room("a") == (number < IN_DOUBT)
        seen.add("a", f"{number}:x")
    assert ("a", "0:x") in seen
    assert SeenMessages(dict(lists)).has_room("b")
    assert not SeenMessages(dict(lists)).has_room("a")  # another process knows of none whether it arrived
    seen.acknowledged("a", f"{KEPT}:x")
    assert seen.has_room("a")
    seen.add("a", "last:x")
    assert ("a", "0:x") not in seen
    assert len(lists["a"]) == KEPT
    seen.acknowledged("a", "0:x")  # which says nothing of later ones
    for number in range(IN_DOUBT - 50):
        seen.add("a", f"again {number}:x")
    assert not seen.has_room("a")
    seen.all_acknowledged("a")
    assert seen.has_room("a")
