"""A file whose columns are named elsewhere than in its rows is read alike by training, evaluation and the device."""

import json

import pytest

from tests.reading.workbench import Workbench, check, moments, seconds, wave, written

TIMES, VALUES = written("%Y-%m-%dT%H:%M:%S", moments()), wave()
EPOCHS = [int(second) for second in seconds(moments())]

FILES = {
    "R's write.table": '"time" "temp"\n' + "".join(
        f'"{row}" "{time}" {value}\n' for row, (time, value) in enumerate(zip(TIMES, VALUES, strict=True), start=1)
    ),
    "rows with a name more than the header": "time,temp\n" + "".join(
        f"{row},{time},{value}\n" for row, (time, value) in enumerate(zip(TIMES, VALUES, strict=True), start=1)
    ),
    "lists of JSON": "".join(f"{json.dumps(row)}\n" for row in zip(TIMES, VALUES, strict=True)),
    "a time within an object": "".join(
        f"{json.dumps({'ts': {'$date': f'{time}Z'}, 'temp': value})}\n"
        for time, value in zip(TIMES, VALUES, strict=True)
    ),
    "Prometheus text": "".join(
        f'temp{{room="attic"}} {value} {time}000\n' for time, value in zip(EPOCHS, VALUES, strict=True)
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", FILES.values(), ids=FILES)
def test_rows_are_read_alike(bench: Workbench, text: str) -> None:
    """The series is right; every row streams with its own time, a missing row is a gap, and evaluation finds all."""
    check(bench.load(text), VALUES, moments())
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == len(VALUES)
    assert not any(streamed.reasons())
    assert "time" not in streamed.err
    lines = text.splitlines(keepends=True)
    assert "gap" in bench.stream("".join([*lines[:200], *lines[203:]])).reasons()
    bench.run.must("evaluate", bench.model, bench.write(text))


def test_lines_that_end_as_on_old_macs_stream(bench: Workbench) -> None:
    """Carriage returns alone end lines in training and on the device."""
    text = "time,temp\r" + "".join(f"{time},{value}\r" for time, value in zip(TIMES, VALUES, strict=True))
    check(bench.load(text), VALUES, moments())
    bench.trained(text)
    assert bench.stream(text).count("ok") == len(VALUES)
