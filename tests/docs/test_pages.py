"""The tutorial, the how-to pages and the command line's page do what they say: their blocks run, in the text's order.

All of them go on in the folder that the tutorial leaves behind.
"""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from edgeseq_export.c import toolchain
from tests.docs.pages import DOCS, ELSEWHERE, blocks, commands, environment, fits, run_page
from tests.helpers.broker import Broker, Peer, end_all, start, wait_until
from tests.helpers.csv_helpers import sensor_file

PAGES = (
    *("install", "cli", "training", "integrations", "api/index"),
    *(
        "how-to/adaptation",
        "how-to/anomalies",
        "how-to/int8",
        "how-to/intervals",
        "how-to/jetson",
        "how-to/known-ahead",
        "how-to/many-sensors",
        "how-to/new-sensor",
        "how-to/own-data",
        "how-to/own-model",
        "how-to/providers",
        "how-to/reading",
    ),
    *("how-to/python", "how-to/signing", "how-to/update-model"),
)
"""Pages whose blocks need no more than the tutorial's folder; native.md and mqtt.md have tests of their own."""


@pytest.mark.slow
def test_the_tutorial_to_the_letter(tutorial: Path) -> None:
    """From a made-up CSV to forecasts of a stream that was taken up again; the figure it shows is made on the way."""
    assert (tutorial / "boiler.png").read_bytes().startswith(b"\x89PNG")
    assert (tutorial / "boiler.state").exists()


def test_what_is_shown_is_compared() -> None:
    """Other words, other numbers and missing lines are noticed; times, hashes and wider tables are not."""
    assert fits("loss 0.121\nwrote a.csv\n", "loss 0.12\nwrote a.csv\n")
    assert fits("a   rmse\n--  ----\nx   1.25\n", "a    rmse\n---  ----\nx   1.26\n")
    assert fits("one\ntwo\nthree\n", "one\n...\n")
    assert fits("1 ok; 12 us each\n", "1 ok; 940 us each\n")
    assert not fits("loss 0.34\n", "loss 0.12\n")
    assert not fits("2 imputed\n", "1 imputed\n")
    assert not fits("one\ntwo\n", "one\n")
    assert not fits("one\n", "one\ntwo\n")
    assert not fits("warm: false\n", "warm: true\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_a_page_does_what_it_says(name: str, place: Path) -> None:
    assert run_page(DOCS / f"{name}.md", place) >= 1


@pytest.mark.slow
@pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
def test_the_page_of_the_provider_native_does_what_it_says(place: Path) -> None:
    assert run_page(DOCS / "how-to" / "native.md", place) >= 4
    assert list((place / ".cache" / "edgeseq" / "native").glob("*.so"))


@pytest.mark.slow
def test_the_page_of_mqtt_does_what_it_says(place: Path) -> None:
    """Its command streams from a real broker, its payloads are read, and what it shows is published."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    found = [block.content for block in blocks(DOCS / "how-to" / "mqtt.md") if block.language == "sh"]
    lines = [command for content in found for command in commands(content)]
    (command,) = (line for line in lines if line.startswith("edgeseq predict"))
    payloads = [match[1] for line in lines if (match := re.search(r"mosquitto_pub .* -m '([^']*)'", line))]
    assert len(payloads) >= 3
    try:
        broker = Broker(place / "broker")
        moved = command.replace("localhost", f"localhost:{broker.port}")
        service = start(
            ["/bin/bash", "-euc", f"exec {moved}"], cwd=place, env=environment(place), stderr=subprocess.PIPE
        )
        wait_until(lambda: "Sending SUBACK to edgeseq-" in broker.log(), "no subscription")
        peer = Peer(broker, "forecasts/#")
        for payload in payloads:
            peer.publish("plant/boiler", payload)
        wait_until(lambda: len(peer.messages) >= len(payloads), "no forecasts")
        shown = [block.content for block in blocks(DOCS / "how-to" / "mqtt.md") if block.language == "text"]
        assert fits(published(peer.messages), shown[0])
        service.terminate()
        _, said = service.communicate(timeout=30)
        assert service.returncode == 0, said
        assert (place / "plant.state").exists()
    finally:
        end_all()


def published(messages: list[tuple[str, Mapping[str, object], bool]]) -> str:
    """Topics and statuses, as mosquitto_sub -v would show them."""
    return "".join(f"{topic} {json.dumps(content)}\n" for topic, content, _ in messages)


@pytest.mark.slow
@pytest.mark.parametrize(("more", "colours"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colours_go_with_no_color(more: dict[str, str], *, colours: bool, tmp_path: Path) -> None:
    """On a terminal the progress bar has some, unless NO_COLOR is set."""
    sensor_file(tmp_path, "boiler-1", level=20.0, size=1)
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "edgeseq", "train", "boiler-1.csv", "--steps", "5", "-o", "b.safetensors"]
    words = {"TERM": "xterm-256color", **more}
    with subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path, **words), stdout=its, stderr=its) as process:
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # what a terminal says when nobody is left on the other side
            while block := os.read(ours, 4096):
                said += block
    os.close(ours)
    assert process.returncode == 0
    assert b"training" in said
    assert bool(re.search(rb"\x1b\[(?:\d+;)*[39]\dm", said)) is colours


def test_every_command_that_is_not_run_stands_on_a_page() -> None:
    """So that no excuse outlives its command."""
    pages = [DOCS / "tutorial.md", *DOCS.glob("how-to/*.md"), *(DOCS / f"{name}.md" for name in PAGES)]
    found = [
        command
        for page in pages
        for block in blocks(page)
        if block.language == "sh"
        for command in commands(block.content)
    ]
    for known in ELSEWHERE:
        assert any(command.startswith(known) for command in found), known
