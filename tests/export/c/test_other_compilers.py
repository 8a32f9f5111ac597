"""A model's C where a compiler takes liberties, has integers of 16 bits, or is none: right, or refused in one line."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, fixed_quantize, names, native, toolchain
from edgeseq_export.c.render import fixed_sources
from edgeseq_export.c.toolchain import Compiled
from edgeseq_runtime.errors import CheckError, UsageError
from tests.conftest import CommandLine
from tests.export.c.test_c import (
    COMPILERS,
    NETWORKS,
    agrees,
    exact_of,
    needs_both,
    needs_compiler,
    oracle_of,
    samples_of,
    sensor_of,
    sources_of,
)
from tests.export.graph.test_quantization import walked

LIBERTIES = [
    ("-O2", "-ffast-math"),
    ("-Ofast", "-march=native"),
    ("-O3", "-march=native", "-funsafe-math-optimizations"),
    ("-O2", "-fno-signed-zeros", "-fno-trapping-math", "-fassociative-math"),
]
"""What embedded projects are built with: sums in any order, divisions by estimates, no NaN."""

AVR = ("avr-gcc", "simavr")
needs_avr = pytest.mark.skipif(not all(map(shutil.which, AVR)), reason=f"there is no {' and no '.join(AVR)} here")


@needs_both
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("flags", LIBERTIES, ids=lambda flags: flags[-1])
@pytest.mark.parametrize("choices", NETWORKS)
def test_a_compiler_that_takes_liberties_forecasts_the_same(choices: dict[str, Any], flags: tuple[str, ...]) -> None:
    """Float as near to the oracle as without, fixed point to the last bit; NaN and infinity are still missing."""
    checkpoint, rounded = make_checkpoint(gap_limit=0, **choices), walked(gap_limit=0, **choices)
    samples, program = samples_of(checkpoint, 500), fixed_quantize.program(rounded)
    wanted = oracle_of(checkpoint, samples)
    exact = exact_of(rounded, program, samples)
    odd = np.array([[value] * samples.shape[1] for value in (np.nan, np.inf, -np.inf, 3e38)], np.float32)
    for command in COMPILERS:
        with Compiled(sources_of(checkpoint), checkpoint.spec, command, flags=flags) as compiled:
            assert agrees(checkpoint, compiled.stream(samples, sensor_of(checkpoint))[1], wanted), command
            status, made = compiled.stream(odd, sensor_of(checkpoint))
        assert (status == 2).all()
        assert np.isnan(made).all()
        with Compiled(fixed_sources(program, "model"), rounded.spec, command, flags=flags) as compiled:
            found = compiled.stream(samples, sensor_of(rounded))[1]
        assert np.array_equal(found.view(np.int32), exact.view(np.int32)), command


@needs_both
@pytest.mark.parametrize("flags", LIBERTIES, ids=lambda flags: flags[-1])
@pytest.mark.parametrize("quantize", export.KINDS)
def test_the_self_test_holds_and_finds_nan_there_too(tmp_path: Path, quantize: str, flags: tuple[str, ...]) -> None:
    """A compiler that may suppose that there is no NaN must not take one for right."""
    sources = sources_of(walked(), quantize)
    main = '#include "model.h"\n#include <stdio.h>\nint main(void) { printf("%d", model_self_test()); return 0; }\n'
    broken = re.sub(
        r"(take\(&m, samples\[t\], forecast\);)",
        r"\1 { volatile float zero = 0.0f; forecast[0] = zero / zero; }",
        sources.source,
    )
    assert broken != sources.source
    for command in COMPILERS:
        for source, wrong in ((sources.source, 0), (broken, 1)):
            for name, text in {"model.h": sources.header, "model.c": source, "main.c": main}.items():
                (tmp_path / name).write_text(text)
            units = [str(tmp_path / "main.c"), str(tmp_path / "model.c"), "-o", str(tmp_path / "main"), "-lm"]
            toolchain.run_checked([*command, *flags, "-w", "-DMODEL_SELF_TEST", *units])
            assert min(1, int(toolchain.run_checked([str(tmp_path / "main")]))) == wrong


ON_AVR = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdio.h>
#include "model.h"
static int put(char c, FILE *f) { (void)f; while (!(UCSR0A & (1 << UDRE0))); UDR0 = c; return 0; }
static FILE out = FDEV_SETUP_STREAM(put, NULL, _FDEV_SETUP_WRITE);
int main(void)
{
    UCSR0B = 1 << TXEN0;
    stdout = &out;
    printf("int %d, wrong %d.\\n", (int)sizeof(int), model_self_test());
    cli();
    sleep_mode();
    return 0;
}
"""

SMALL = [
    pytest.param({"hidden": 8, "layers": 1}, id="LSTM"),
    pytest.param({"hidden": 5, "layers": 2, "cell": "gru", "features": 2, "horizon": 3}, id="GRU"),
    pytest.param({"hidden": 6, "cell": "rnn", "linear_path": 9, "levels": 0}, id="RNN with a linear path"),
    pytest.param({"hidden": 5, "layers": 1, "layout": "steps", "window": 4, "predicts": "value"}, id="windows"),
]


@needs_avr
@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("choices", SMALL)
def test_integers_of_16_bits_do(tmp_path: Path, choices: dict[str, Any], quantize: str) -> None:
    """On an emulated AVR, the model's own samples lead to the reference's forecasts; in fixed point to the last bit."""
    sources = sources_of(walked(**choices), quantize)
    for name, text in (sources.files() | {"main.c": ON_AVR}).items():
        (tmp_path / name).write_text(text)
    flags = ["-mmcu=atmega2560", "-Os", "-std=gnu99", "-Wall", "-Wextra", "-Werror", "-DMODEL_SELF_TEST"]
    units = [str(tmp_path / "main.c"), str(tmp_path / "model.c"), "-o", str(tmp_path / "main"), "-lm"]
    toolchain.run_checked(["avr-gcc", *flags, *units])
    emulator = [shutil.which("simavr") or "", "-m", "atmega2560", str(tmp_path / "main")]
    ran = subprocess.run(emulator, capture_output=True, check=True, timeout=60)
    assert b"int 2, wrong 0." in ran.stdout + ran.stderr


# Names


@pytest.mark.parametrize("name", ["string", "stdint", "math", "time", "Arduino", "wire", "Memory", "vector", "new"])
def test_the_name_of_another_header_is_refused(
    edgeseq: CommandLine, brief_path: Path, tmp_path: Path, name: str
) -> None:
    """In any case: some file systems make no difference."""
    for words in (["--format", "c", "-o", tmp_path / f"{name}.c"], ["--format", "arduino", "-o", tmp_path / name]):
        answer = edgeseq("export", brief_path, *words)
        assert (answer.code, answer.err.count("\n")) == (2, 1)
        assert f"{name}.h is the name of another header" in answer.err
    assert not list(tmp_path.rglob("*.h"))


def test_no_header_of_the_c_library_here_may_be_hidden() -> None:
    """Every name that its folder has for C's headers, and some of POSIX."""
    of_c = "assert complex ctype errno fenv float inttypes limits locale math setjmp signal stdint stdio stdlib string"
    for name in (*of_c.split(), "time", "pthread", "unistd", "poll", "semaphore", "regex", "memory"):
        assert not Path("/usr/include/string.h").exists() or Path(f"/usr/include/{name}.h").exists() or name == "float"
        with pytest.raises(UsageError):
            names.check_name(name)


@needs_compiler
@pytest.mark.parametrize("name", ["driver", "main_", "cc", "a"])
def test_any_other_name_is_compiled_and_compared(checkpoint: Checkpoint, name: str) -> None:
    assert export.export(checkpoint, name).deviation is not None


def test_a_name_of_any_length_is_refused_in_a_short_line(checkpoint: Checkpoint) -> None:
    for name in ("x" * 10**6, "é" * 10**6):
        with pytest.raises(UsageError) as caught:
            export.export(checkpoint, name)
        assert len(str(caught.value)) < 300


# Compilers that are none


@pytest.mark.parametrize("variable", ["CC", "CFLAGS"])
def test_words_that_do_not_end_are_refused(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, model: bytes, variable: str
) -> None:
    monkeypatch.setenv(variable, "gcc '")
    with pytest.raises(UsageError, match=f"{variable} in the environment is no list of words: No closing quotation"):
        native.build(model)
    if variable == "CC":
        with pytest.raises(UsageError, match="CC in the environment"):
            export.export(checkpoint, "model")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["sh", "-c", "true"], "sh says that it compiled the C of the model, but wrote nothing"),
        (["false"], "false fails on the C of the model: exit code 1"),
        (["sh", "-c", "head -c 1000000 /dev/zero | tr '\\0' x >&2; exit 1"], "sh fails on the C of the model: xxx"),
        (["sh", "-c", "kill -9 $$"], "sh fails on the C of the model: exit code -9"),
    ],
    ids=str,
)
def test_a_compiler_that_writes_nothing_is_named(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, model: bytes, command: Sequence[str], said: str
) -> None:

    monkeypatch.setenv("CC", shlex.join(command))
    monkeypatch.setenv("CFLAGS", "")
    for work in (lambda: export.export(checkpoint, "model"), lambda: native.build(model)):
        with pytest.raises(CheckError, match=re.escape(said)) as caught:
            work()
        assert len(str(caught.value)) < 500


def test_a_compiler_that_cannot_be_started_is_named(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint, tmp_path: Path
) -> None:
    """It is there and may be run, but is no program."""
    (tmp_path / "cc").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "cc").chmod(0o755)
    monkeypatch.setenv("CC", os.fspath(tmp_path / "cc"))
    with pytest.raises(CheckError, match="cc cannot be run on the C of the model"):
        export.export(checkpoint, "model")
