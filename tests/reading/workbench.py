"""Made-up series as exporters write them, and the way of one file through the commands, for the tests of reading."""

import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq as package
from edgeseq.series import Series
from edgeseq_runtime.errors import EdgeseqError
from tests.conftest import Answer, CommandLine

SMALL = ("--steps", 5, "--hidden", 8, "--layers", 1)
"""Options of a training that ends at once: what is read counts here, not what is learned."""

START = datetime(2024, 1, 1)
HOUR = timedelta(hours=1)


def moments(count: int = 480, step: timedelta = HOUR, start: datetime = START) -> list[datetime]:
    """Evenly spaced times."""
    return [start + number * step for number in range(count)]


def wave(count: int = 480, level: float = 20, season: int = 24) -> list[float]:
    """A daily wave with a little that does not repeat, to two decimals."""
    return [
        round(level + 3 * math.sin(2 * math.pi * number / season + level) + 0.3 * math.sin((number + level) ** 2), 2)
        for number in range(count)
    ]


def table(names: Sequence[str], *columns: Iterable[object], separator: str = ",", end: str = "\n") -> str:
    """A file of text: a header, and the cells as they are."""
    rows = [names, *zip(*(map(str, column) for column in columns), strict=True)]
    return "".join(separator.join(row) + end for row in rows)


def written(notation: str | Callable[[datetime], str], times: Iterable[datetime]) -> list[str]:
    """Times in a notation of `strftime`, or as a function writes them."""
    return [time.strftime(notation) if isinstance(notation, str) else notation(time) for time in times]


def seconds(times: Iterable[datetime]) -> list[float]:
    """Seconds since 1970; a time without a zone is UTC."""
    return [(time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() for time in times]


def check(series: Series, values: Iterable[float], times: Iterable[datetime] | None = None, *, column: int = 0) -> None:
    """Demand that a series holds these values at these times, and NaN at all others; in order where there are none."""
    found = series.values[:, column]
    wanted = np.array(list(values), np.float32)
    if times is None:
        assert series.time is None
        np.testing.assert_array_equal(found, wanted)
        return
    moments_wanted = np.array(seconds(times))
    assert series.seconds is not None, "no times were read"
    where = np.searchsorted(series.seconds, moments_wanted - 1e-3)
    np.testing.assert_allclose(series.seconds[np.minimum(where, len(series) - 1)], moments_wanted, rtol=0, atol=1e-3)
    np.testing.assert_allclose(found[where], wanted, rtol=1e-6)
    others = np.ones(len(series), bool)
    others[where] = False
    assert np.isnan(found[others]).all()


@dataclass(frozen=True)
class Streamed:
    """What `predict` made of a file."""

    lines: list[dict[str, Any]]
    err: str
    code: int

    def count(self, status: str) -> int:
        return sum(line["status"] == status for line in self.lines)

    def reasons(self) -> list[str | None]:
        return [line.get("reason") for line in self.lines]

    @property
    def forecasts(self) -> list[list[float | None]]:
        return [line["forecast"] for line in self.lines]


class Workbench:
    """A folder, and the commands on what lies in it."""

    def __init__(self, folder: Path, commands: CommandLine) -> None:
        self.folder = folder
        self.run = commands

    def write(self, text: str | bytes, name: str = "log.csv") -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    def load(self, text: str | bytes, name: str = "log.csv", **said: Any) -> Series:
        """The series that a file is read as."""
        return package.load(self.write(text, name), **said)[0]

    def attempt(self, text: str | bytes, name: str = "log.csv", **said: Any) -> tuple[Series | None, str]:
        """The series, or None and why it is refused."""
        try:
            return self.load(text, name, **said), ""
        except EdgeseqError as error:
            return None, str(error)

    def train(self, file: Path, *options: object) -> Answer:
        """Train a small model on a file; its model file is then `model`."""
        checkpoint = self.folder / "m.safetensors"
        answer = self.run("train", file, *options, *SMALL, "-o", checkpoint)
        if answer.code == 0:
            self.run.must("export", checkpoint, "-o", self.model)
        return answer

    def trained(self, text: str | bytes, *options: object, name: str = "log.csv") -> Answer:
        """The same for a text, which has to succeed."""
        answer = self.train(self.write(text, name), *options)
        assert answer.code == 0, answer.err
        return answer

    @property
    def model(self) -> Path:
        return self.folder / "m.onnx"

    def predict(self, file: Path, *options: object) -> Streamed:
        answer = self.run("predict", self.model, "--input", file, *options)
        return Streamed([json.loads(line) for line in answer.out.splitlines()], answer.err, answer.code)

    def stream(self, text: str | bytes, *options: object, name: str = "live.csv") -> Streamed:
        """What `predict` makes of a text, which has to succeed."""
        streamed = self.predict(self.write(text, name), *options)
        assert streamed.code == 0, streamed.err
        return streamed


def says(text: str, *words: str) -> bool:
    """Whether one line of a text has all these words, or patterns."""
    return any(all(re.search(word, line) for word in words) for line in text.splitlines())
