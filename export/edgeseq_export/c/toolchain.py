"""The system's C compiler, where there is one: what it makes of a model's C, and what that does."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from edgeseq_export.c.render import Sources
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.spec import GAIN, OFFSET, Spec
from edgeseq_runtime.streaming.sensors import Scale

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wconversion")
"""What exported C compiles with."""

_NAMES = ("cc", "gcc", "clang")


def compiler() -> list[str] | None:
    """Return the command of the C compiler: that of the environment variable CC, or the first that is here.

    None where there is none. Raises `UsageError` for a CC that is no list of words.
    """
    command = words("CC", os.environ.get("CC", ""))
    if command:
        return command if shutil.which(command[0]) else None
    return next(([name] for name in _NAMES if shutil.which(name)), None)


def words(variable: str, value: str) -> list[str]:
    """Return the words of CC or CFLAGS in the environment, as a shell has them. Raises `UsageError`."""
    try:
        return shlex.split(value)
    except ValueError as error:
        raise UsageError(f"{variable} in the environment is no list of words: {error}") from error


class Compiled:
    """A model's C with a driver around it, compiled and ready to take samples. Use it in a `with` statement.

    Raises `CheckError` where the C does not compile. `emulator` runs what was compiled for another processor.
    """

    def __init__(
        self,
        sources: Sources,
        spec: Spec,
        command: Sequence[str],
        *,
        flags: Sequence[str] = (*STRICT, "-O2"),
        emulator: Sequence[str] = (),
    ) -> None:
        self.spec = spec
        self._folder = tempfile.TemporaryDirectory()
        place = Path(self._folder.name)
        files = {**sources.files(), "_driver.c": sources.driver}  # a model's own name begins with a letter
        for name, text in files.items():
            (place / name).write_text(text, "utf-8")
        program = place / "_driver"
        self._program = [*emulator, str(program)]
        units = [str(place / name) for name in files if name.endswith(".c")]
        try:
            compile_to(program, [*command, *flags, *units, "-o", str(program), "-lm"])
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def stream(
        self, samples: npt.ArrayLike, sensor: Scale | None = None
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Take samples (time, input) of a fresh stream; return what became of each (time,) and (time, outputs)."""
        given = np.ascontiguousarray(samples, np.float32)
        out = run_checked(self._program, self._settings(sensor) + given.tobytes())
        rows = np.frombuffer(out, np.float32).reshape(len(given), -1)
        return rows[:, 0].astype(np.int64), rows[:, 1:]

    def reset(self) -> None:
        """Each call of `run` begins a fresh stream."""

    def run(self, samples: npt.ArrayLike, *, known: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Take samples (time, feature); return forecasts (time, horizon, target), NaN where there is none.

        `known` (time, horizon, column) is what is known ahead, of a model with such columns.
        """
        given = np.asarray(samples, np.float32)
        if known is not None:
            given = np.concatenate([given, np.asarray(known, np.float32).reshape(len(given), -1)], axis=1)
        forecasts = self.stream(given)[1]
        return forecasts.reshape(len(forecasts), self.spec.horizon, -1).copy()

    def _settings(self, sensor: Scale | None) -> bytes:
        """Return what the driver reads ahead of the samples."""
        if not self.spec.sensors:
            return b""
        states = (sensor or Scale.identity(self.spec)).states()
        return bytes(states[OFFSET][0].tobytes() + (1 + states[GAIN][0]).astype(np.float32).tobytes())


def compile_to(target: Path, command: Sequence[str]) -> None:
    """Run a compiler that is to write `target`. Raises `CheckError` where it fails, or writes nothing."""
    run_checked(command)
    if not target.exists():
        raise CheckError(f"{Path(command[0]).name} says that it compiled the C of the model, but wrote nothing")


def run_checked(command: Sequence[str], stdin: bytes = b"") -> bytes:
    """Run a command and return what it printed. Raises `CheckError` with the first line of its errors."""
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, check=False)  # noqa: S603 - a compiler, or its work
    except (OSError, ValueError) as error:
        raise CheckError(f"{Path(command[0]).name} cannot be run on the C of the model: {error}") from error
    if done.returncode:
        errors = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise CheckError(f"{Path(command[0]).name} fails on the C of the model: {errors[0][:300]}")
    return done.stdout
