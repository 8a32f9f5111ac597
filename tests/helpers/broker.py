"""A real mosquitto on a free loopback port, for tests; and a client that publishes and listens."""

import json
import os
import shutil
import socket
import subprocess
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
