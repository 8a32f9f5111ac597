"""From C to an image for a board, and what that shows in the emulator."""

import re
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.microcontroller.boards import COMPILER, Board
from edgeseq_export.c.render import c_values

FIRMWARE = Path(__file__).parent / "firmware"

_FLAGS = ("-mthumb", "-std=c99", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-nostartfiles")

_SECONDS = 120
"""That the emulator may take."""


class BrokenError(Exception):
    """C that does not compile for a board or does not run there; the message is the first line of the complaint."""


@dataclass(frozen=True)
class Subject:
    """C that steps one stream of so many numbers."""

    files: Mapping[str, str]
    """Name -> text; one of them has the functions of firmware/subject.h."""
    outputs: int


@dataclass(frozen=True)
class Figures:
    """What a model needs on a board, and what it forecasts there."""

    flash: int
    """Bytes of the smallest program with the model in it, start-up included."""
    ram: int
    """Bytes of that program's variables, the stream's memory and a sample's pins among them."""
    stack: int
    """Bytes that the last step uses, its caller's frame included."""
    instructions: int
    """A step's, the mean of ten."""
    forecasts: npt.NDArray[np.float32]
    """(time, output)"""


def measure(board: Board, subject: Subject, samples: npt.NDArray[np.float32], optimize: str = "-O2") -> Figures:
    """Run a subject on a board with samples (time, feature). Raises `BrokenError`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in {**subject.files, "samples.h": _samples(samples, subject.outputs)}.items():
            (folder / file).write_text(text, "utf-8")
        flash, ram = _sizes(_linked(board, folder, "smallest.c", optimize))
        printed = _run(board, _linked(board, folder, "measuring.c", optimize))
    numbers = dict(re.findall(r"^(stack|instructions) (\d+)$", printed, re.MULTILINE))
    bits = [int(word, 16) for word in re.findall(r"^forecast ([0-9a-f]+)$", printed, re.MULTILINE)]
    forecasts = np.array(bits, np.uint32).view(np.float32).reshape(-1, subject.outputs)
    if len(forecasts) != len(samples) or len(numbers) != 2:
        raise BrokenError(f"the program ended early: {printed[-60:]!r}")
    return Figures(flash, ram, int(numbers["stack"]), int(numbers["instructions"]), forecasts)


def _samples(samples: npt.NDArray[np.float32], outputs: int) -> str:
    count, features = samples.shape
    return (
        f"#define SAMPLES {count}\n#define FEATURES {features}\n#define OUTPUTS {outputs}\n"
        f"static const float samples[SAMPLES][FEATURES] __attribute__((unused)) = {{\n{c_values(samples)}}};\n"
    )


def _linked(board: Board, folder: Path, main: str, optimize: str) -> Path:
    """Compile and link all C of a folder with one of the firmware's programs."""
    target = folder / "image.elf"
    units = [*folder.glob("*.c"), FIRMWARE / main, FIRMWARE / "start.c"]
    place = [f"-I{folder}", f"-I{FIRMWARE}", "-T", str(FIRMWARE / "board.ld"), "-o", str(target)]
    _must([COMPILER, *board.flags, *_FLAGS, optimize, "-w", *map(str, units), *place, "-lm"])
    return target


def _sizes(image: Path) -> tuple[int, int]:
    """Return bytes of flash, initial values of variables included, and of variables, as the linker laid them out."""
    text, data, bss = map(int, _must(["arm-none-eabi-size", str(image)]).splitlines()[1].split()[:3])
    return text + data, data + bss


def _run(board: Board, image: Path) -> str:
    return _must([*board.emulator, str(image)])


def _must(command: list[str]) -> str:
    try:
        # The emulator prints what a program says on its stderr.
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        raise BrokenError(f"{command[0]} took more than {_SECONDS} s") from error
    if done.returncode:
        complaint = (done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise BrokenError(next((line for line in complaint if "error" in line or "overflow" in line), complaint[0]))
    return done.stdout
