"""The tutorial, the how-to pages and the command line's page do what they say: their blocks run, in the text's order.

A block of `sh` is run by bash; one of Python is run, or written to the file that its title names; one of `text` is what
the block before it prints, on stdout and stderr, where numbers may differ and a line of dots stands for any lines.
"""

import contextlib
import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.c import toolchain
from tests.helpers.broker import Broker, Peer, end_all, start, wait_until
from tests.helpers.csv_helpers import csv, sensor_file

DOCS = Path(__file__).parents[2] / "docs"

ELSEWHERE = {
    "make build": "CI runs it",
    "pip install": "CI installs the wheel with the extra cpu only, and streams a model",
    "python3 -m venv": "likewise",
    ". ~/edgeseq/bin/activate": "likewise",
    ". .venv/bin/activate": "the tests run in it",
    "scp ": "needs another machine",
    "edgeseq predict model.onnx --mqtt": "runs until it is stopped: the test of mqtt.md runs it against a broker",
    "mosquitto_": "the broker's own clients: the test of mqtt.md has one in their place",
    "edgeseq predict model.onnx --provider cuda": "needs an NVIDIA GPU",
    "edgeseq predict model.onnx --provider tensorrt": "needs an NVIDIA GPU and TensorRT",
    "edgeseq verify model.onnx --provider cuda": "needs an NVIDIA GPU",
    "edgeseq info model.onnx --provider cuda": "needs an NVIDIA GPU",
    "python -m benchmarks.speed.break_even": "needs a GPU; test_benchmarks.py runs it with the CPU in its place",
    'eval "$(_EDGESEQ_COMPLETE=zsh': "needs zsh; test_site.py completes in bash",
    "_EDGESEQ_COMPLETE=fish": "needs fish; likewise",
}
"""Commands that are not run here, and why."""

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"\b[0-9a-f]{16}\b|\d[\d.,]*(e[+-]?\d+)?")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    title: str | None
    content: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        language, title, content = found.groups()
        yield Block(text[: found.start()].count("\n") + 1, language, title, content)


def commands(content: str) -> list[str]:
    """The commands of a block, each with the lines that belong to it."""
    lines, found = content.splitlines(), []
    while lines:
        command = lines.pop(0)
        while lines and (command.endswith(("\\", "|")) or lines[0].startswith("    ")):
            command += f"\n{lines.pop(0)}"
        found.append(command)
    return [command for command in found if command.strip() and not command.startswith("#")]


def is_elsewhere(command: str) -> bool:
    return command.startswith(tuple(ELSEWHERE))


def masked(text: str) -> str:
    """A line of output without what may differ: numbers, hashes, and how wide a table is for them."""
    return re.sub(r"[ -]+", " ", _NUMBER.sub("#", text)).strip()


def fits(printed: str, shown: str) -> bool:
    """Whether what was printed is what a page shows."""
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else f"{re.escape(masked(line))}\n" for line in shown.splitlines())
    return re.fullmatch(pattern, "".join(f"{masked(line)}\n" for line in printed.splitlines())) is not None


def environment(place: Path, **more: str) -> dict[str, str]:
    """As a new user has it: the package installed, a cache and a home of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = {"HOME": str(place), "XDG_CACHE_HOME": str(place / ".cache")}
    return {**os.environ, "PATH": path, "PYTHONPATH": str(DOCS.parent), "COLUMNS": "120", **home, **more}


def run_page(page: Path, place: Path, **more: str) -> int:
    """Run a page's blocks; return how many of them ran."""
    ran, printed = 0, ""
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "text":
            assert fits(printed, block.content), f"{where} shows\n{block.content}\nbut this was printed:\n{printed}"
            continue
        if block.title:
            (place / block.title).write_text(block.content)
            continue
        if block.language == "python":
            (place / "block.py").write_text(block.content)
            wanted = ["python -W error block.py"]
        elif block.language == "sh":
            wanted = [command for command in commands(block.content) if not is_elsewhere(command)]
        else:
            continue
        printed = ""
        for command in wanted:
            done = subprocess.run(
                ["/bin/bash", "-uo", "pipefail", "-c", command],
                cwd=place,
                env=environment(place, **more),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed += done.stdout
            assert done.returncode == 0, f"{where}: {command}\n{done.stdout}"
            ran += 1
    return ran


@pytest.mark.slow
def test_the_tutorial_to_the_letter(tmp_path: Path) -> None:
    """From a made-up CSV to forecasts of a stream that was taken up again; the figure it shows is made on the way."""
    assert run_page(DOCS / "tutorial.md", tmp_path) >= 8
    assert (tmp_path / "boiler.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "boiler.state").exists()


def test_what_is_shown_is_compared() -> None:
    """Other words and lines that lack are noticed; other numbers and wider tables are not."""
    assert fits("loss 0.12\nwrote a.csv\n", "loss 0.34\nwrote a.csv\n")
    assert fits("a   rmse\n--  ----\nx   1.25\n", "a    rmse\n---  ----\nx       9\n")
    assert fits("one\ntwo\nthree\n", "one\n...\n")
    assert not fits("one\ntwo\n", "one\n")
    assert not fits("one\n", "one\ntwo\n")
    assert not fits("warm: false\n", "warm: true\n")


@pytest.fixture
def place(brief_sine: Checkpoint, brief_path: Path, tmp_path: Path) -> Path:
    """A folder with what the how-to pages begin with: a checkpoint, its model file, and series of several kinds."""
    (tmp_path / "model.safetensors").write_bytes(brief_path.read_bytes())
    (tmp_path / "model.onnx").write_bytes(edgeseq_export.export(brief_sine).content)
    for number in (1, 2, 9):
        sensor_file(tmp_path, f"boiler-{number}", level=20.0 * number, size=number)
    make_plant(tmp_path)
    make_logger(tmp_path)
    return tmp_path


def make_plant(folder: Path) -> None:
    """Four columns with decimal commas, an hour apart: a time, a temperature that follows a load, and a number."""
    rows = ["Zeit;temp;load;batch"]
    for hour in range(500):
        load = hour // 8 % 3
        temp = 40 + 5 * load + (hour * 7919 % 13) / 10
        rows.append(f"2024-01-{1 + hour // 24:02d}T{hour % 24:02d}:00;{temp:.1f};{load},0;{hour}".replace(".", ","))
    csv(folder, "\n".join([*[row for row in rows if "-01-3" not in row or "-01-30" in row], ""]), "plant.csv")


def make_logger(folder: Path) -> None:
    """A sample every two to eight minutes."""
    rows, seconds = ["t,level"], 1_700_000_000
    for number in range(1500):
        seconds += 120 + number * 7919 % 361
        rows.append(f"{seconds},{10 + number % 40 / 10 + number * 6007 % 17 / 10:.1f}")
    csv(folder, "\n".join([*rows, ""]), "logger.csv")


@pytest.mark.parametrize(
    "name",
    [
        "how-to/int8",
        "how-to/jetson",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("how-to/own-data", "how-to/own-model", "how-to/many-sensors", "api/index")
        ),
    ],
)
def test_a_page_does_what_it_says(name: str, place: Path) -> None:
    assert run_page(DOCS / f"{name}.md", place) >= 1


@pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
def test_the_page_of_the_provider_native_does_what_it_says(place: Path) -> None:
    assert run_page(DOCS / "how-to" / "native.md", place) >= 4
    assert list((place / ".cache" / "edgeseq" / "native").glob("*.so"))


def test_the_page_of_the_command_line_does_what_it_says(place: Path) -> None:
    assert run_page(DOCS / "cli.md", place) >= 3


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
def test_colours_go_with_no_color(more: dict[str, str], *, colours: bool, place: Path) -> None:
    """On a terminal the progress bar has some, unless NO_COLOR is set."""
    ours, its = pty.openpty()
    command = [sys.executable, "-m", "edgeseq", "train", "boiler-1.csv", "--steps", "5", "-o", "b.safetensors"]
    words = {"TERM": "xterm-256color", **more}
    with subprocess.Popen(command, cwd=place, env=environment(place, **words), stdout=its, stderr=its) as process:
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
    pages = [*DOCS.glob("how-to/*.md"), DOCS / "tutorial.md", DOCS / "cli.md"]
    found = [
        command
        for page in pages
        for block in blocks(page)
        if block.language == "sh"
        for command in commands(block.content)
    ]
    for known in ELSEWHERE:
        assert any(command.startswith(known) for command in found), known
