"""`edgeseq predict`: samples in, a line each; forecasts out, a line each, flushed. Runs on the device."""

import json
import math
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

import click

from edgeseq.commands.common import INTERRUPTED, model_argument, note, provider_option, threads_option
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError, MissingSampleError

if TYPE_CHECKING:
    import numpy as np

    from edgeseq_runtime.lines import Time
    from edgeseq_runtime.predictor import Predictor


@click.command()
@model_argument
@click.option(
    "--input",
    "source",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    default="-",
    help="A file; - is stdin.",
)
@click.option(
    "form",
    "--format",
    type=click.Choice(["jsonl", "csv"]),
    default="jsonl",
    show_default=True,
    help="Of the output.",
)
@provider_option
@threads_option
@click.option(
    "--state",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Go on from this snapshot, and save to it at the end.",
)
@click.option(
    "--missing",
    type=click.Choice(["impute", "skip", "error"]),
    default="impute",
    show_default=True,
    help="What a missing sample leads to: the model's own forecast stands in, it is left out, or the stream ends.",
)
@click.option(
    "--unreadable",
    type=click.Choice(["error", "missing"]),
    default="error",
    show_default=True,
    help="What a line that is no sample leads to: the stream ends, or the sample counts as missing.",
)
def predict(
    model: str,
    source: str,
    *,
    form: str,
    provider: str,
    threads: int,
    state: str | None,
    missing: str,
    unreadable: str,
) -> int:
    r"""Stream samples through MODEL: one forecast line for each line of input, flushed at once.

    Input is CSV with a header, JSON lines, or bare numbers; an empty value or nan is a missing sample.

    \b
    sensor | edgeseq predict model.onnx
    edgeseq predict model.onnx --input history.csv --format csv > forecasts.csv
    """
    from edgeseq_runtime.predictor import Predictor

    if state:
        files.check_writable(state)
    predictor = Predictor(model, provider=provider, threads=threads, missing=missing)
    if state and Path(state).exists():
        predictor.restore(files.read(state))
        note(f"resumed after {predictor.samples} samples")
    writer = _Writer(predictor, form)
    try:
        with _opened(source) as file, _Stoppable(file) as lines:
            _stream(predictor, lines, writer, unreadable)
    except BrokenPipeError:
        _silence_stdout()
        note("the output was closed")
        return 1
    finally:
        if state:
            files.write_atomically(state, predictor.snapshot())
        note(writer.summary())
    return INTERRUPTED if lines.asked == signal.SIGINT else 0


def _stream(predictor: "Predictor", source: Iterable[bytes], writer: "_Writer", unreadable: str) -> None:
    from edgeseq_runtime import lines

    for sample in lines.read(source, predictor.spec):
        if sample.problem:
            if unreadable == "error":
                raise DataError(f"line {sample.line}: {sample.problem}")
            note(f"line {sample.line}: {sample.problem}; taken as missing")
        number = predictor.samples
        try:
            forecast = predictor.step(sample.values)
        except MissingSampleError as error:
            raise DataError(f"line {sample.line}: {error}") from None
        writer.write(number if sample.time is None else sample.time, forecast)


class _Writer:
    """Writes forecasts as lines, each flushed, and counts what happened."""

    def __init__(self, predictor: "Predictor", form: str) -> None:
        self._predictor = predictor
        self._targets = predictor.spec.targets
        self._write = self._write_csv if form == "csv" else self._write_json
        self._counts: Counter[str] = Counter()
        self._begun = time.perf_counter()
        if form == "csv":
            steps = range(1, predictor.spec.horizon + 1)
            self._put(
                ",".join(["t", *(f"{name}+{step}" for step in steps for name in self._targets), "status", "warm"])
            )

    def write(self, at: "Time", forecast: "np.ndarray") -> None:
        """Write one forecast (horizon, target) made after the sample `at`."""
        self._counts[self._predictor.status] += 1
        # str of a float32 is the shortest text that reads back as the same number.
        self._write(at, [[None if math.isnan(value) else float(str(value)) for value in row] for row in forecast])

    def summary(self) -> str:
        """Return one line about all samples written."""
        total = sum(self._counts.values())
        kinds = ", ".join(f"{count} {status}" for status, count in sorted(self._counts.items()))
        each = (time.perf_counter() - self._begun) / max(total, 1)
        return f"{total} samples" + (f": {kinds}; {1e6 * each:.0f} us each, input and output included" if total else "")

    def _write_json(self, at: "Time", rows: list[list[float | None]]) -> None:
        forecast: Any = [row[0] for row in rows]
        if len(self._targets) > 1:
            forecast = {name: [row[i] for row in rows] for i, name in enumerate(self._targets)}
        line = {"t": at, "forecast": forecast, "status": self._predictor.status, "warm": self._predictor.warm}
        self._put(json.dumps(line, ensure_ascii=False))

    def _write_csv(self, at: "Time", rows: list[list[float | None]]) -> None:
        numbers = ["" if value is None else repr(value) for row in rows for value in row]
        warm = str(self._predictor.warm).lower()
        self._put(",".join([_quoted(str(at)), *numbers, self._predictor.status, warm]))

    def _put(self, line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


class _Stoppable:
    """The lines of a file, until it ends or SIGINT or SIGTERM asks for an end.

    The signal takes effect where the stream waits for a line, never within a step, so the state is whole.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.asked: int | None = None
        self._file = file
        self._waiting = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __iter__(self) -> Iterator[bytes]:
        while line := self._next():
            yield line

    def _next(self) -> bytes:
        try:
            self._waiting = True
            return b"" if self.asked else self._file.readline()
        except InterruptedError:
            return b""
        finally:
            self._waiting = False

    def _ask(self, number: int, _frame: object) -> None:
        self.asked = number
        if self._waiting:
            raise InterruptedError


@contextmanager
def _opened(source: str) -> Iterator[BinaryIO]:
    if source == "-":
        yield sys.stdin.buffer
        return
    if not Path(source).stat().st_size and Path(source).is_file():
        raise DataError(f"{source} is empty")
    with Path(source).open("rb") as file:
        yield file


def _silence_stdout() -> None:
    """Keep Python from complaining, when it exits, of what could not be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _quoted(cell: str) -> str:
    return f'"{cell}"' if "," in cell else cell
