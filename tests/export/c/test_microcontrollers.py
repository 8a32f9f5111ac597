"""A model's C on real cores, emulated: the forecasts are the reference's, and it fits."""

import shutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.microcontroller.__main__ import main
from benchmarks.microcontroller.boards import BOARDS, COMPILER, EMULATOR, Board
from benchmarks.microcontroller.cases import in_fixed_point, in_fixed_point_detecting, in_float
from benchmarks.microcontroller.image import BrokenError, Figures, Subject, measure
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, fixed_quantize
from edgeseq_export.c.render import fixed_sources
from edgeseq_export.c.toolchain import STRICT, Compiled
from edgeseq_export.synthetic import random_walk
from tests.export.c.test_c import NETWORKS, agrees, exact_of, samples_of, sensor_of
from tests.export.graph.test_quantization import walked

LACKING = [name for name in (COMPILER, EMULATOR) if not shutil.which(name)]
needs_boards = pytest.mark.skipif(bool(LACKING), reason=f"there is no {' and no '.join(LACKING)} here")

CROSS = ("aarch64-linux-gnu-gcc", "qemu-aarch64-static")
NO_CROSS = [name for name in CROSS if not shutil.which(name)]

FULL = make_checkpoint(hidden=30)
"""The default network; its figures do not depend on the weights."""


@needs_boards
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.core)
@pytest.mark.parametrize("quantize", export.KINDS)
def test_every_core_gives_the_references_forecasts(
    board: Board, quantize: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of the embedded verification vector and what follows it; in fixed point to the last bit."""
    kind = export.kind_of(FULL, quantize)
    vector = kind.spec.verification
    assert vector
    samples = np.concatenate([np.array(vector.x, np.float32), random_walk(FULL.spec, 40, 1)[:, 0]])
    found = measure(board, (in_fixed_point if quantize == "int8" else in_float)(FULL), samples)
    with capsys.disabled():
        print(f"\n{board.core}, {quantize}: {figures(found)}")
    wanted = kind.expected(samples)
    if quantize == "int8":
        assert np.array_equal(found.forecasts, wanted)
        assert np.array_equal(found.forecasts[: len(vector.x)], np.array(vector.y, np.float32))
    else:
        assert agrees(FULL, found.forecasts, wanted)
        off = np.abs(found.forecasts[: len(vector.x)] - np.array(vector.y))
        assert (off <= vector.tolerance).all()


def figures(found: Figures) -> str:
    return (
        f"{found.flash:,} bytes of flash, {found.ram} of RAM, {found.stack} of stack, {found.instructions:,} "
        "instructions a step"
    )


@needs_boards
@pytest.mark.parametrize(
    ("make", "flash", "ram", "instructions"),
    [
        pytest.param(in_fixed_point, 20_000, 600, 45_000, id="int8"),
        pytest.param(in_float, 56_000, 600, 80_000, id="float"),
        pytest.param(in_fixed_point_detecting, 25_000, 1_300, 47_000, id="int8, with anomalies"),
    ],
)
def test_the_default_network_fits_a_cortex_m4(
    make: Callable[[Checkpoint], Subject], flash: int, ram: int, instructions: int
) -> None:
    """Flash, memory and instructions of a whole program. Measured: 19,604, 392, 39,269; 50,716, 512, 62,115;
    23,852, 1,216, 41,134.
    """
    found = measure(BOARDS[1], make(FULL), random_walk(FULL.spec, 10, 1)[:, 0])
    assert found.flash <= flash
    assert found.ram <= ram
    assert found.instructions <= instructions


@needs_boards
@pytest.mark.parametrize("horizon", [1, 24])
@pytest.mark.parametrize("make", [pytest.param(in_fixed_point, id="int8"), pytest.param(in_float, id="float")])
def test_adaptation_takes_less_than_half_as_much_again_on_a_cortex_m4(
    make: Callable[[Checkpoint], Subject], horizon: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """In instructions, once forecasts are changed, and 4 kB. Measured: 1.04, 1.03; at 24 steps 1.22, 1.15."""
    choices: dict[str, Any] = {"hidden": 30, "horizon": horizon, "season": 24}
    samples = random_walk(FULL.spec, 200, 1)[:, 0]
    plain, adapting = (measure(BOARDS[1], make(make_checkpoint(adapt=adapt, **choices)), samples) for adapt in (0, 1))
    with capsys.disabled():
        print(f"\n{horizon} ahead: {figures(plain)}; adapting: {figures(adapting)}")
    assert not np.array_equal(plain.forecasts[-1], adapting.forecasts[-1])
    assert adapting.instructions <= 1.5 * plain.instructions
    assert adapting.ram <= plain.ram + 4096


@needs_boards
@pytest.mark.slow
@pytest.mark.parametrize("choices", NETWORKS[1:])
def test_every_kind_of_network_runs_on_a_core_without_floating_point(choices: dict[str, object]) -> None:
    """In fixed point as the reference, to the last bit; what few floats there are come from the compiler's library."""
    checkpoint = walked(**choices)
    samples = random_walk(checkpoint.spec, 60, 1)[:, 0]
    found = measure(BOARDS[0], in_fixed_point(checkpoint), samples)
    assert np.array_equal(found.forecasts, export.kind_of(checkpoint, "int8").expected(samples))


@needs_boards
def test_c_that_does_not_fit_or_end_is_told_apart() -> None:
    samples = random_walk(FULL.spec, 5, 1)[:, 0]
    glue = '#include "subject.h"\nvoid subject_reset(void) {}\nvoid subject_step(const float *x, float *y) '
    huge = "{ static const int table[300000] = {1}; *y = (float)table[(int)*x]; }\n"
    with pytest.raises(BrokenError, match="overflow"):
        measure(BOARDS[1], Subject({"a.c": glue + huge}, 1), samples)
    crash = "{ *y = *x; *(volatile int *)0xF0000000 = 1; }\n"
    with pytest.raises(BrokenError, match="fault"):
        measure(BOARDS[1], Subject({"a.c": glue + crash}, 1), samples)


@pytest.mark.slow
@needs_boards
def test_the_benchmark_prints_a_row_for_each_exporter_and_core(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    printed = capsys.readouterr().out
    for board in BOARDS:
        assert printed.count(board.core) >= 2
    assert "emlearn: cannot: " in printed
    assert "wrong" not in printed


@pytest.mark.skipif(bool(NO_CROSS), reason=f"there is no {' and no '.join(NO_CROSS)} here")
@pytest.mark.parametrize("choices", NETWORKS)
def test_arm64_gives_the_same_bits(choices: dict[str, object]) -> None:
    checkpoint = walked(**choices)
    samples, sensor = samples_of(checkpoint, 500), sensor_of(checkpoint)
    made = fixed_quantize.program(checkpoint)
    compiler, emulator = CROSS
    with Compiled(
        fixed_sources(made, "model"),
        checkpoint.spec,
        [compiler],
        flags=(*STRICT, "-O2", "-static"),
        emulator=[emulator],
    ) as compiled:
        found = compiled.stream(samples, sensor)[1]
    assert np.array_equal(found, exact_of(checkpoint, made, samples))
