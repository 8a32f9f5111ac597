"""Whose samples lines are: of streams that a column names, or of one sensor only."""

from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.printable import listed, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.spec import Spec


def of_one(samples: "Iterable[Sample]", advice: str = "") -> "Iterator[Sample]":
    """Yield samples that are taken for one sensor's.

    Raises `DataError` where a column says that they are several's, or there are several columns; `advice` is added.
    """
    names = dict[str, None]()
    for sample in samples:
        if sample.stream:
            names.setdefault(sample.stream)
            if len(names) > 1:
                raise DataError(
                    f"line {sample.line}: expected samples of one sensor, got those of {listed(names)}{advice}"
                )
        yield sample


def of_many(samples: "Iterable[Sample]", column: str, *, is_said: bool) -> "Iterator[Sample]":
    """Yield samples of streams that `column` names, and say so where there is none.

    A line without it among others that have it is of none of them. Raises `DataError` where it `is_said` by the user
    that there is such a column.
    """
    is_one = is_known = False
    for sample in samples:
        if sample.stream == "" and not is_known:
            if is_said:
                raise DataError(f"line {sample.line}: expected {column}, which --id says names the stream")
            note(f"nothing in the input is {column}, which names the sensor: it is taken for one stream")
            is_one = True
        is_known = is_known or sample.stream is not None
        is_nobodys = sample.stream == "" and not is_one
        yield sample._replace(stream=None, problem=f"no {column}, which names the stream") if is_nobodys else sample


def note_unknown(name: str, spec: "Spec") -> None:
    """Say that a stream of a model of several sensors is of none that it knows; "" is the name of the only stream."""
    known = listed(sensor.name for sensor in spec.sensors)
    stream = f"the stream {shown(name)}" if name else "this stream"
    advice = "" if name else ": --sensor or --history says more"
    note(
        f"the model knows {known}; {stream} is taken for one of which nothing is known{advice}",
        kind="streams of unknown sensors",
    )
