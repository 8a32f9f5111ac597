"""What a model needs on a microcontroller: flash, memory and instructions, on emulated cores, for each exporter to C.

    python -m benchmarks.microcontroller [--optimize=-O2] [--json FILE]

The default network, 2 x 30, with random weights, on which no figure depends. Each exporter's forecasts are compared
with its reference before its figures count.
"""

import shutil
import sys
from typing import Any

import numpy as np

from benchmarks.common import arguments, publish
from benchmarks.microcontroller.boards import BOARDS, COMPILER, EMULATOR, Board
from benchmarks.microcontroller.cases import CASES, CannotError, Case
from benchmarks.microcontroller.image import BrokenError, Subject, measure
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export
from edgeseq_export.c.adaptation import adapted
from edgeseq_export.synthetic import random_walk

_SAMPLES = 200
"""After which what adapts has begun to change forecasts."""

_LARGEST = 1e-5
"""Deviation from the oracle, as a share of the target's standard deviation, of C that counts as right."""

_FIGURES = ("flash, bytes", "RAM, bytes", "stack, bytes", "instructions a step", "deviation")


def main(words: list[str] | None = None) -> None:
    """Print one row for each exporter and core."""
    parser = arguments("Measure exported C on emulated microcontrollers.")
    parser.add_argument("--optimize", default="-O2", metavar="FLAG", help="the compiler's flag (-O2)")
    options = parser.parse_args(words)
    for tool in (COMPILER, EMULATOR):
        if not shutil.which(tool):
            sys.exit(
                f"there is no {tool} here; Debian has gcc-arm-none-eabi, libnewlib-arm-none-eabi and qemu-system-arm"
            )
    rows = [
        row for case in CASES for row in _rows(case, make_checkpoint(hidden=30, adapt=case.adapts), options.optimize)
    ]
    publish(f"2 x LSTM of 30, {COMPILER} {options.optimize}, emulated", rows, options.json)


def _rows(case: Case, checkpoint: Checkpoint, optimize: str) -> list[dict[str, Any]]:
    try:
        subject = case.make(checkpoint)
    except CannotError as error:
        return [{"exporter": case.name, "core": "", **dict.fromkeys(_FIGURES), "note": f"cannot: {error}"}]
    return [_row(case, subject, board, checkpoint, optimize) for board in BOARDS]


def _row(case: Case, subject: Subject, board: Board, checkpoint: Checkpoint, optimize: str) -> dict[str, Any]:
    row: dict[str, Any] = {"exporter": case.name, "core": board.core, **dict.fromkeys(_FIGURES)}
    samples = random_walk(checkpoint.spec, _SAMPLES, 1)[:, 0]
    wanted = export.kind_of(checkpoint, "int8" if case.exact else "none").expected(samples)
    if case.adapts:
        wanted = adapted(checkpoint.spec, samples, wanted.astype(np.float32))
    try:
        found = measure(board, subject, samples, optimize)
    except BrokenError as error:
        return row | {"note": str(error)}
    off = float(np.abs(found.forecasts - wanted).max() / checkpoint.spec.features[0].std)
    if off > (0 if case.exact and not case.adapts else _LARGEST):
        return row | {"deviation": off, "note": f"wrong on {board.core}"}
    figures = (found.flash, found.ram, found.stack, found.instructions, off)
    return row | dict(zip(_FIGURES, figures, strict=True))


if __name__ == "__main__":
    main()
