"""What a line costs through `edgeseq predict`, as a ratio to the loop that a user would write around `Predictor.step`.

    python -m benchmarks.speed.line_to_line [--rounds N] [--lines N] [--only WORD] [--json FILE]

Processor time of processes that take few lines and many, each the minimum of all rounds, in which the two programs take
turns; the difference, divided by the lines between. Live: line by line through a pipe, each answer awaited. POSIX only.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.spec import Residuals

FEW = 500
"""Lines of the process whose time is taken off: of its start, and until it runs as fast as it will."""

HEADER = "time,f0"

PERIOD = 600.0
"""Seconds."""


@dataclass(frozen=True)
class Case:
    """A way in which lines come, and the options they come with."""

    horizon: int
    timed: bool
    live: bool
    options: tuple[str, ...] = ("--no-times",)
    targets: tuple[float | None, float | None] = (None, None)
    """The most that the ratio should be, on cpu and native."""

    @property
    def name(self) -> str:
        """What the table calls it."""
        words = f"horizon {self.horizon}, {'with times' if self.timed else 'bare numbers'}"
        options = [option for option in self.options if option not in ("--no-times", "STATE")]
        extra = " ".join(options) or ("" if self.options else "times written")
        return ", ".join(word for word in (words, "live" if self.live else "from a file", extra) if word)


CASES = (
    Case(1, False, True, targets=(1.5, 1.8)),
    Case(1, False, False, targets=(0.5, 0.9)),
    Case(24, True, True, targets=(1.0, 1.0)),
    Case(24, True, False, targets=(0.5, 0.5)),
    Case(24, True, True, ()),
    Case(24, True, False, (), (1.3, 1.3)),
    Case(1, False, True, ("--no-times", "--intervals")),
    Case(1, False, False, ("--no-times", "--intervals"), (1.5, 1.5)),
    Case(24, True, True, ("--no-times", "--intervals")),
    Case(24, True, False, ("--no-times", "--intervals"), (2.5, 2.5)),
    Case(1, False, True, ("--no-times", "--state", "STATE")),
    Case(1, False, False, ("--no-times", "--state", "STATE"), (1.1, 1.1)),
)
"""STATE stands for a fresh file. The loop keeps no state, knows no intervals and writes no times."""


def main(words: list[str] | None = None) -> None:
    """Print one row for each case and provider."""
    parser = arguments("Measure what a line costs.")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of both programs, in turns")
    parser.add_argument("--lines", type=int, default=20_000, help="lines between the short and the long process")
    parser.add_argument("--only", default="", metavar="WORD", help="the cases whose name holds this")
    options = parser.parse_args(words)
    providers = ["cpu", *(["native"] if can_build() else [])]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for case in (case for case in CASES if options.only in case.name):
            for provider, target in zip(providers, case.targets, strict=False):
                rows.append(measure(Path(folder), case, provider, options.rounds, options.lines) | {"target": target})
    publish("A line through `edgeseq predict`, of the time of a plain loop; processor time", rows, options.json)


def measure(folder: Path, case: Case, provider: str, rounds: int, lines: int) -> dict[str, Any]:
    """Return the row of one case."""
    model = folder / f"{case.horizon}.onnx"
    if not model.exists():
        model.write_bytes(edgeseq_export.build(_checkpoint(case.horizon)))
    few, many = (_written(folder, case, count) for count in (FEW, FEW + lines))
    loop = [sys.executable, "-m", "benchmarks.speed.plain_loop", str(model), provider]
    loop += ["timed"] * case.timed + ["live"] * case.live
    seconds: dict[tuple[str, int], float] = {}
    for _ in range(rounds):
        for name, command in (("ours", _command(folder, case, model, provider)), ("plain", loop)):
            for count, path in ((FEW, few), (FEW + lines, many)):
                taken = processor_seconds(command, path, live=case.live)
                seconds[name, count] = min(taken, seconds.get((name, count), taken))
    a_line, a_turn = (1e6 * (seconds[name, FEW + lines] - seconds[name, FEW]) / lines for name in ("ours", "plain"))
    absolute = f"{a_line:.1f} / {a_turn:.1f} us"
    return {"what": case.name, "provider": provider, "ratio": a_line / a_turn, "absolute": absolute}


def processor_seconds(command: Sequence[str], source: Path, *, live: bool) -> float:
    """Return the processor time, user and system, of a command that reads a file, or its lines one by one."""
    with source.open("rb") as lines:
        stdin: Any = subprocess.PIPE if live else lines
        output = subprocess.PIPE if live else subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=stdin, stdout=output, stderr=subprocess.DEVNULL)
        if live:
            _exchange(process, lines)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return usage.ru_utime + usage.ru_stime


def _exchange(process: "subprocess.Popen[bytes]", lines: Any) -> None:
    """Send each line once the one before is answered; a header, which has no answer, with the first one."""
    assert process.stdin is not None
    assert process.stdout is not None
    for number, line in enumerate(lines):
        process.stdin.write(line)
        if not number and line.startswith(HEADER.encode()):
            continue
        process.stdin.flush()
        if not process.stdout.readline():
            break
    process.stdin.close()
    process.stdout.close()


def _command(folder: Path, case: Case, model: Path, provider: str) -> list[str]:
    state = folder / "state"
    state.unlink(missing_ok=True)
    options = [str(state) if option == "STATE" else option for option in case.options]
    if state.name in "".join(options):
        options += ["--fresh"]
    return [sys.executable, "-m", "edgeseq", "predict", str(model), "--provider", provider, *options]


def _checkpoint(horizon: int) -> Any:
    """Return the default network with random weights, on which no time depends."""
    made = make_checkpoint(hidden=30, horizon=horizon, period=PERIOD)
    spread = ((-0.5, -0.2, 0.0, 0.2, 0.5),)
    residuals = Residuals((0.01, 0.05, 0.5, 0.95, 0.99), (spread,) * horizon)
    return replace(made, spec=replace(made.spec, residuals=residuals, time="time"))


def _written(folder: Path, case: Case, count: int) -> Path:
    """Write so many samples."""
    path = folder / f"{count}-{case.timed}.txt"
    if path.exists():
        return path
    values = 0.4 * np.sin(np.arange(count) / 9) + 0.2 * np.random.default_rng(0).standard_normal(count)
    begin = datetime(2024, 1, 1, tzinfo=UTC)
    times = (begin + timedelta(seconds=PERIOD * number) for number in range(count))
    text = [f"{value:.3f}" for value in values]
    if case.timed:
        rows = (f"{time:%Y-%m-%d %H:%M:%S},{cell}" for time, cell in zip(times, text, strict=True))
        text = [HEADER, *rows]
    path.write_text("\n".join(text) + "\n")
    return path


if __name__ == "__main__":
    main()
