"""Messages a second through `predict --mqtt`, beside a bare paho program that sends each payload back.

    python -m benchmarks.messages [--messages 50000] [--json FILE]

One mosquitto, one process that is measured. Messages are at QoS 1, timed, `{"t": ..., "f0": ...}`. They are published
while the program listens, or wait for it in its session.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import edgeseq_export
from benchmarks.common import arguments, publish
from benchmarks.messages import broker
from edgeseq.testing import make_checkpoint


@dataclass(frozen=True)
class Case:
    """What is sent, and how far below the bare program's rate that of `predict` may lie."""

    name: str
    topics: int
    waiting: bool
    """Whether the messages wait in the session when the program starts."""
    target: float
    words: tuple[str, ...] = ()
    """Options of `predict`, beside `--state`."""
    share: float = 1.0
    """Of `--messages`, how many are sent."""


CASES = (
    Case("500 topics, as they come", 500, waiting=False, target=1 / 2, words=("--state-every", "100")),
    Case("10 topics, all waiting", 10, waiting=True, target=1 / 3),
    Case("10,000 topics, all waiting", 10_000, waiting=True, target=1 / 3, share=0.2),
)


def main(words: list[str] | None = None) -> None:
    """Measure each case and print a row."""
    parser = arguments(__doc__.partition("\n")[0])
    parser.add_argument("--messages", type=int, default=50_000, help="of the first two cases; of the third a fifth")
    parser.add_argument("--repeats", type=int, default=3, help="of each case, in turns; the median counts")
    chosen = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder, "model.onnx")
        model.write_bytes(edgeseq_export.build(make_checkpoint()))
        rows = [row(case, max(1, int(case.share * chosen.messages)), model, chosen.repeats) for case in CASES]
    publish("Messages a second over MQTT, QoS 1, every topic a stream", rows, chosen.json)


def row(case: Case, count: int, model: Path, repeats: int) -> dict[str, object]:
    """Return one case's rates, a second: the medians of runs in turns."""
    runs = [measured(case, count, model, bare=bare) for _ in range(repeats) for bare in (True, False)]
    bare, bare_cost = map(statistics.median, zip(*runs[::2], strict=True))
    ours, our_cost = map(statistics.median, zip(*runs[1::2], strict=True))
    return {
        "messages": case.name,
        "count": count,
        "bare paho, a second": round(bare),
        "edgeseq predict, a second": round(ours),
        "ratio": ours / bare,
        "target": case.target,
        "bare, processor us": 1e6 * bare_cost,
        "predict, processor us": 1e6 * our_cost,
    }


def measured(case: Case, count: int, model: Path, *, bare: bool) -> tuple[float, float]:
    """Return how many messages a second are answered, from the first answer to the last; and processor seconds each.

    The latter with a start of the program.
    """
    messages = [(b"plant/first", b'{"t":0,"f0":0.5}')]
    messages += [(b"plant/t%d" % (at % case.topics), b'{"t":%d,"f0":%.2f}' % (at, at % 97 / 97)) for at in range(count)]
    messages += [(b"plant/last", b'{"t":0,"f0":0.5}')]
    with tempfile.TemporaryDirectory() as folder, broker.mosquitto(Path(folder)) as port:
        command = _bare(port) if bare else _predict(port, model, Path(folder, "state"), case.words)
        _listen_once(port, command)
        if case.waiting:
            broker.publish_all(port, messages)
            arrivals = broker.Arrivals(port, "forecasts/first", "forecasts/last")
            process = subprocess.Popen(command)
        else:
            arrivals = broker.Arrivals(port, "forecasts/first", "forecasts/last", "forecasts/ready")
            process = subprocess.Popen(command)
            broker.publish_all(port, [(b"plant/ready", b"0.5")])
            arrivals.wait("forecasts/ready")
            broker.publish_all(port, messages)
        try:
            seconds = arrivals.wait("forecasts/last") - arrivals.wait("forecasts/first")
            return count / seconds, _processor_seconds(process.pid) / count
        finally:
            arrivals.close()
            process.terminate()
            process.wait(broker.PATIENCE)


def _processor_seconds(pid: int) -> float:
    """Return what a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _bare(port: int) -> list[str]:
    return [sys.executable, "-m", "benchmarks.messages.bare", str(port)]


def _predict(port: int, model: Path, state: Path, words: tuple[str, ...]) -> list[str]:
    command = [sys.executable, "-m", "edgeseq", "predict", str(model), "--state", str(state), *words]
    return [*command, "--mqtt", f"mqtt://127.0.0.1:{port}/plant/+", "--publish", "forecasts/{id}"]


def _listen_once(port: int, command: list[str]) -> None:
    """Run a program until it answers a message, so that the broker has its session, and end it."""
    arrivals = broker.Arrivals(port, "forecasts/probe")
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + broker.PATIENCE
    try:
        while not arrivals.came("forecasts/probe"):
            if time.monotonic() > deadline or process.poll() is not None:
                raise TimeoutError(f"{command[2]} answers nothing")
            broker.publish_all(port, [(b"plant/probe", b"0.5")])
            time.sleep(0.1)
    finally:
        arrivals.close()
        process.terminate()
        process.wait(broker.PATIENCE)


if __name__ == "__main__":
    main()
