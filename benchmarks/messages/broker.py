"""A mosquitto for the benchmark, and the sensor that publishes to it over a plain socket."""

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from edgeseq_runtime.errors import DependencyError

PATIENCE = 300.0
"""Seconds after which a run is given up."""

_CONNECT, _PUBLISH, _PUBACK = 0x10, 0x32, 0x40
_UNDER_WAY = 1000


@contextmanager
def mosquitto(folder: Path) -> Iterator[int]:
    """Run a broker that keeps any number of messages; give its port. Raises `DependencyError`."""
    program = shutil.which("mosquitto", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if program is None:
        raise DependencyError("this benchmark needs the broker mosquitto")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = int(sock.getsockname()[1])
    file = folder / "mosquitto.conf"
    file.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nlog_type none\n")
    process = subprocess.Popen([program, "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        with socket.socket() as sock:
            if not sock.connect_ex(("127.0.0.1", port)):
                return
        if time.monotonic() > deadline:
            raise DependencyError("mosquitto does not answer")
        time.sleep(0.01)


def publish_all(port: int, messages: list[tuple[bytes, bytes]]) -> None:
    """Publish messages at QoS 1 as fast as the broker takes them, and wait until it has them all."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(_packet(_CONNECT, b"\0\4MQTT\4\2\0\0\0\6sensor"))
        file = client.makefile("rb")
        file.read(4)  # it accepts
        for start in range(0, len(messages), _UNDER_WAY):
            batch = messages[start : start + _UNDER_WAY]
            client.sendall(
                b"".join(
                    _packet(_PUBLISH, len(topic).to_bytes(2, "big") + topic + number.to_bytes(2, "big") + payload)
                    for number, (topic, payload) in enumerate(batch, 1)
                )
            )
            if file.read(4 * len(batch))[:1] != bytes([_PUBACK]):
                raise ConnectionError("the broker did not take a message")


def _packet(first: int, content: bytes) -> bytes:
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([first, *length, size]) + content


class Arrivals:
    """Listens to a few topics, and knows when the first message of each came."""

    def __init__(self, port: int, *topics: str) -> None:
        self._times: dict[str, float] = {}
        self._arrived = threading.Condition()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener")
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe([(topic, 0) for topic in topics])
        self._client.loop_start()
        if not subscribed.wait(PATIENCE):
            raise ConnectionError("the broker grants no subscription")

    def wait(self, topic: str) -> float:
        """Return when a message to this topic came, as `time.perf_counter` has it."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: topic in self._times, PATIENCE):
                raise TimeoutError(f"no message to {topic} in {PATIENCE:.0f} s")
            return self._times[topic]

    def came(self, topic: str) -> bool:
        """Whether a message to this topic has come."""
        return topic in self._times

    def close(self) -> None:
        """Take leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: object, _data: object, message: Any) -> None:
        with self._arrived:
            self._times.setdefault(message.topic, time.perf_counter())
            self._arrived.notify_all()
