"""The guide for the Raspberry Pi does what it says: its commands, its unit and telegraf's snippet are run."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from edgeseq_runtime.io import influx
from tests.helpers.broker import Broker, Peer, end_all, start, wait_until

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "raspberry-pi.md").read_text()
UNIT = (DOCS / "edgeseq.service").read_text()

ELSEWHERE = ("make build", "scp ", "sudo ", "printf 'username", "journalctl ")
"""Commands that need another machine, root or systemd."""

HERE = f"{shlex.quote(sys.executable)} -m edgeseq"


@pytest.fixture
def place(brief_boiler: bytes, tmp_path: Path) -> Path:
    """A folder in the place of /opt/edgeseq, with a model file."""
    (tmp_path / "model.onnx").write_bytes(brief_boiler)
    return tmp_path


def moved(text: str, place: Path) -> str:
    """A command with the programs and files of this machine."""
    return text.replace("/opt/edgeseq/bin/edgeseq", HERE).replace("/opt/edgeseq", str(place))


def unit_command() -> str:
    (command,) = re.findall(r"^ExecStart=((?:.*\\\n)*.*)$", UNIT, re.MULTILINE)
    return str(command).replace("\\\n", " ")


def test_every_command_that_can_run_here_does(place: Path) -> None:
    commands = "".join(re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)).splitlines()
    answers = []
    for command in commands:
        if not command.startswith(ELSEWHERE):
            done = subprocess.run(
                ["/bin/bash", "-euc", moved(command, place)], capture_output=True, text=True, check=True
            )
            answers.append(done.stdout)
    assert len(answers) == 4
    assert len(answers[2].splitlines()) == 2
    assert re.fullmatch(
        r'boiler_forecast,site=a h1=\S+,h6=\S+,status="ok",warm=false 1700000000000000000\n', answers[3]
    )


def test_telegrafs_snippet_passes_samples_on_beside_their_forecasts(place: Path) -> None:
    (snippet,) = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    (processor,) = tomllib.loads(snippet)["processors"]["execd"]
    command = shlex.join(processor["command"]).replace("/var/lib/edgeseq-telegraf", str(place))
    lines = ["boiler,site=a temp=58.1 1", "boiler,site=b temp=58.2 1", "boiler,site=a level=2i 2"]
    done = subprocess.run(
        ["/bin/bash", "-euc", moved(command, place)], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    keys = [influx.parse(line).key for line in done.stdout.splitlines()]
    assert keys == [
        "boiler,site=a",
        "boiler_forecast,site=a",
        "boiler,site=b",
        "boiler_forecast,site=b",
        "boiler,site=a",
    ]
    assert (place / "state").exists()


def test_the_unit_is_one(tmp_path: Path) -> None:
    """As systemd sees it: no unknown key, no wrong value; only the program is another here."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "edgeseq.service"
    unit.write_text(UNIT.replace("/opt/edgeseq/bin/edgeseq", "/bin/true"))
    done = subprocess.run([analyse, "verify", unit], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_follows_systemds_advice(tmp_path: Path) -> None:
    """As far as a service can that needs a network, and of which onnxruntime asks /proc for the processor."""
    analyse = shutil.which("systemd-analyze")
    if analyse is None:
        pytest.skip("systemd-analyze is not installed")
    (tmp_path / "edgeseq.service").write_text(UNIT)
    words = [analyse, "security", "--offline=true", "--threshold=12", "--no-pager", str(tmp_path / "edgeseq.service")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if "Unknown" in done.stderr or "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a file")
    assert done.returncode == 0, done.stdout


def test_the_units_service_works_in_a_folder_of_its_own_that_is_empty() -> None:
    """A model file that names others by relative paths finds none; the state and the model are named by whole paths."""
    assert re.search(r"^RuntimeDirectory=edgeseq$", UNIT, re.MULTILINE)
    assert re.search(r"^RuntimeDirectoryMode=0500$", UNIT, re.MULTILINE)
    assert re.search(r"^WorkingDirectory=%t/edgeseq$", UNIT, re.MULTILINE)
    assert re.search(r"^MemoryMax=", UNIT, re.MULTILINE)
    files = [
        word for word in shlex.split(unit_command()) if "/" in word and "mqtt://" not in word and "{id}" not in word
    ]
    assert len(files) == 4
    assert all(re.match(r"/|\$\{\w+_DIRECTORY\}/", word) for word in files)


def test_the_units_command_streams(place: Path) -> None:
    """With the environment that systemd gives it, and a broker on another port."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    try:
        broker = Broker(place / "broker")
        (place / "mqtt").touch(0o600)
        command = moved(unit_command(), place).replace("localhost", f"localhost:{broker.port}")
        folders = {"CREDENTIALS_DIRECTORY": str(place), "STATE_DIRECTORY": str(place)}
        service = start(["/bin/bash", "-euc", f"exec {command}"], env={**os.environ, **folders}, stderr=subprocess.PIPE)
        wait_until(lambda: "Sending SUBACK to edgeseq-" in broker.log(), "no subscription")
        peer = Peer(broker, "forecasts/#")
        peer.publish("plant/boiler", 58.1)
        wait_until(lambda: peer.messages, "no forecast")
        assert peer.messages[0][0] == "forecasts/boiler"
        service.terminate()
        _, said = service.communicate(timeout=30)
        assert service.returncode == 0, said
        assert (place / "streams.state").exists()
    finally:
        end_all()
