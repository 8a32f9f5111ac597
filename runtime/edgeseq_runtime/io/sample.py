"""One sample as a line or a message has it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading.times import Time

LONGEST = 1 << 20
"""Bytes in a line; a longer one is no sample."""

WrittenTime: TypeAlias = str | float | None
"""A time as a line has it; "" where it is empty, None where nothing in the line is the time."""

Values: TypeAlias = tuple[float | None, ...]

Tell: TypeAlias = Callable[[str], object]
"""Is told what a user should know, once."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Sample(NamedTuple):
    """One input line: its time as it was written, and one value for each feature of the model."""

    line: int
    """Counted from 1."""
    time: WrittenTime
    values: Values
    problem: str | None = None
    """Why the line is no sample; its values are then missing."""
    stream: str | None = ""
    """Whose sample it is, where a line says so; None where the line is of another kind, and of no stream."""
    text: str = ""
    """The line itself, where it may be passed on."""
    in_nanoseconds: bool = False
    """Whether its time counts nanoseconds since 1970, whatever a number would mean elsewhere."""

    lacks: bool = False
    """Whether some of the features are not in the line at all; another line of its time may bring them."""
    known: Values = ()
    """The values of the columns known ahead, step after step, the column fastest; () where the line says none."""
    now: Values = ()
    """Their values at the sample's own time, of which a file makes values ahead; () where the line says none."""
    seconds: float | None = None
    """Its time in seconds since 1970, where it is written in a way that the reader alone has found out."""
    field: str = ""
    """Under which name its value stands, where each name is a stream of its own."""
    time_format: str = ""
    """How its time is written, as `Reading.time_format`, where the reader alone has found that out."""

    @property
    def moment(self) -> Time:
        """Its time as it is meant."""
        if self.seconds is not None:
            return self.seconds
        if self.in_nanoseconds and isinstance(self.time, int):
            return _EPOCH + timedelta(microseconds=self.time // 1000)
        return self.time


class OtherKindError(DataError):
    """A line or a message of another kind: it has none of the model's features, and is no sample that lacks them."""


_LONGEST_NAME = 200
"""Characters in the name of a stream."""


def as_stream(cell: str, column: str) -> str:
    """Return the name of a sample's stream, as its column has it. Raises `OtherKindError` for one that is too long."""
    name = cell.strip()
    if len(name) > _LONGEST_NAME:
        raise OtherKindError(f"{column} is longer than {_LONGEST_NAME} characters")
    return name if name.isascii() else name.encode("utf-8", "replace").decode()  # half a character is none
