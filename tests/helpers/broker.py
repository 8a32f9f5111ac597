"""A real mosquitto on a free loopback port, for tests; and a client that publishes and listens."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 60.0
"""Seconds after which something that should happen at once is given up."""


STARTED: list[subprocess.Popen[bytes]] = []
"""Processes that must not outlive their test."""


def start(command: list[object], **options: Any) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(list(map(str, command)), **options)
    STARTED.append(process)
    return process


PEERS: "list[Peer]" = []
"""Connections likewise."""


def end_all() -> None:
    while FAKES:
        FAKES.pop().close()
    while PEERS:
        PEERS.pop().close()
    while STARTED:
        process = STARTED.pop()
        process.kill()
        process.wait()


def program(name: str) -> str:
    """A program's path; where it is not installed, the test is skipped."""
    found = shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_until(what: Callable[[], object], why: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:.0f} s in vain: {why}")
        time.sleep(0.02)


class Broker:
    """Mosquitto, with what it must remember in a folder; it can be stopped and started again."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self._program = program("mosquitto")
        self.port = free_port()
        self.folder = folder
        folder.mkdir(mode=0o777, exist_ok=True)
        folder.chmod(0o777)
        wanted = lines or ("allow_anonymous true",)
        self._configuration = folder / "mosquitto.conf"
        self._configuration.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    "persistence true",
                    f"persistence_location {folder}/",
                    "max_queued_messages 0",
                    *(["user root"] if os.geteuid() == 0 else []),
                    *wanted,
                ]
            )
            + "\n"
        )
        self.start()

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = start([self._program, "-v", "-c", self._configuration], stdout=log, stderr=log)
        wait_until(self._answers, "mosquitto does not answer")

    def stop(self) -> None:
        self.process.terminate()
        assert self.process.wait(30) == 0

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def _answers(self) -> bool:
        assert self.process.poll() is None, self.log()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", self.port)) == 0


class Service:
    """`edgeseq predict --mqtt` in a process of its own."""

    def __init__(
        self,
        broker: "Broker | FakeBroker",
        model: Path | str,
        *words: object,
        topics: str = "plant/+",
        publish: str = "forecasts/{id}",
        scheme: str = "mqtt",
        prelude: str = "",
        errors: Path | None = None,
        **environment: str,
    ) -> None:
        """Start it; `prelude` is Python that runs before it in its process."""
        start_it = ["-c", f"{prelude}; from edgeseq.cli import main; main()"] if prelude else ["-m", "edgeseq"]
        command = [sys.executable, *start_it, "predict", model, "--publish", publish, *words]
        command += ["--mqtt", f"{scheme}://localhost:{broker.port}/{topics}"]
        self.errors = errors or Path(model).parent / "errors"
        with self.errors.open("ab") as file:
            self.process = start(command, stdout=subprocess.DEVNULL, stderr=file, env={**os.environ, **environment})

    def wait_for_subscription(self, broker: "Broker", times: int = 1) -> "Service":
        wait_until(lambda: self.process.poll() is not None or broker.log().count("Sending SUBACK to edgeseq-") >= times,
                   "no subscription")  # fmt: skip
        assert self.process.poll() is None, self.said()
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)

    def seconds_to_stop(self) -> float:
        """Ask it to end, which it has to do without an error; return how long that took."""
        begin = time.monotonic()
        assert self.stop() == 0, self.said()
        return time.monotonic() - begin

    def said(self) -> str:
        return self.errors.read_text()

    def most_memory(self) -> float:
        """The most megabytes that it has held in memory so far."""
        status = Path(f"/proc/{self.process.pid}/status")
        if not status.exists():
            pytest.skip("there is no /proc to see a process's memory in")
        return next(float(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1000


class FakeBroker:
    """What answers each connection as a function says; `packet` and `publication` make what it may send."""

    def __init__(self, answer: "Callable[[socket.socket], object]") -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.connections = 0
        self.errors: list[BaseException] = []
        threading.Thread(target=self._serve, daemon=True).start()
        FAKES.append(self)

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def _serve_one(self, client: socket.socket) -> None:
        with client:
            try:
                self._answer(client)
            except OSError:
                return  # the client has gone
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                self.errors.append(error)


FAKES: list[FakeBroker] = []
"""Brokers likewise."""

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ, DISCONNECT = (
    0x10, 0x20, 0x30, 0x40, 0x80, 0x90, 0xC0, 0xE0
)  # fmt: skip
"""Kinds of packets, as their first bytes have them."""


def packet(first: int, content: bytes = b"") -> bytes:
    """One packet of MQTT."""
    length, size = bytearray(), len(content)
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    return bytes([first, *length, size]) + content


def publication(topic: bytes, payload: bytes, number: int = 0, *, flags: int = 0) -> bytes:
    """A PUBLISH packet, at QoS 1 where it has a number."""
    numbered = number.to_bytes(2, "big") if number else b""
    first = PUBLISH | (2 if number else 0) | flags
    return packet(first, len(topic).to_bytes(2, "big") + topic + numbered + b"\0" + payload)


def read_packet(client: socket.socket) -> tuple[int, bytes]:
    """The first byte of the next packet, and what it holds. Raises `OSError` at the end."""
    first, size, shift = _read(client, 1)[0], 0, 0
    while True:
        byte = _read(client, 1)[0]
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return first, _read(client, size)


def _read(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            raise OSError("the client has gone")
        data += more
    return data


def accept(client: socket.socket, properties: bytes = b"") -> None:
    """Accept a client and its subscription, as a session of before where it asks for that."""
    assert read_packet(client)[0] == CONNECT
    client.sendall(packet(CONNACK, bytes([1, 0, len(properties)]) + properties))
    first, content = read_packet(client)
    assert first & 0xF0 == SUBSCRIBE
    client.sendall(packet(SUBACK, content[:2] + b"\0\x01"))


class Peer:
    """A sensor and a listener in one: publishes at QoS 1, and keeps all that comes, with retain flags."""

    def __init__(self, broker: Broker, *topics: str, name: str = "peer") -> None:
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self.messages: list[tuple[str, Any, bool]] = []
        self._topics = topics
        self._client = Client(CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._subscribed = threading.Event()
        self._client.on_message = self._on_message
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        PEERS.append(self)
        if topics:
            assert self._subscribed.wait(PATIENCE)

    def publish(self, topic: str, content: object, *, qos: int = 1) -> Any:
        payload = content if isinstance(content, (str, bytes)) else json.dumps(content)
        return self._client.publish(topic, payload, qos=qos)

    def is_connected(self) -> bool:
        return bool(self._client.is_connected())

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_message = self._client.on_connect = self._client.on_subscribe = None
        del self._client  # the last reference, so that paho closes its pair of sockets now

    def _on_connect(self, client: Any, *_: object) -> None:
        for topic in self._topics:
            client.subscribe(topic, qos=1)

    def _on_message(self, _client: object, _data: object, message: Any) -> None:
        self.messages.append((message.topic, json.loads(message.payload), bool(message.retain)))
