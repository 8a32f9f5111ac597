"""`edgeseq export --format c` and `arduino`: what is written, what is said, and what is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, toolchain
from edgeseq_export.c.toolchain import STRICT, Compiled, run_checked
from tests.conftest import CommandLine

needs_compiler = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")
STUB = Path(__file__).parents[2] / "arduino"


@pytest.fixture
def saved(checkpoint: Checkpoint, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    checkpoint.save(path)
    return path


@needs_compiler
@pytest.mark.parametrize("quantize", export.KINDS)
def test_two_files_are_written_that_compile_without_a_warning(edgeseq: CommandLine, saved: Path, quantize: str) -> None:
    target = saved.parent / "boiler.c"
    done = edgeseq("export", saved, "-o", target, "--format", "c", "--quantize", quantize)
    assert done.code == 0
    said = "agrees with the oracle" if quantize == "none" else "equal to the fixed-point reference, to the last bit"
    assert said in done.out
    assert f"wrote {target.with_suffix('.h')}, {target}" in done.out
    assert "test RMSE: " in done.out
    run_checked([*(toolchain.compiler() or []), *STRICT, "-c", str(target), "-o", str(saved.parent / "boiler.o")])
    header = target.with_suffix(".h").read_text()
    assert "int boiler_step(boiler_state *s, const float *sample, float *forecast);" in header
    assert "#define BOILER_HORIZON 3 " in header
    assert "math.h" not in target.read_text()


@needs_compiler
def test_libm_takes_the_c_librarys_exponential(edgeseq: CommandLine, saved: Path) -> None:
    target = saved.parent / "boiler.c"
    assert edgeseq("export", saved, "-o", target, "--format", "c", "--libm").code == 0
    assert "#include <math.h>" in target.read_text()


def test_without_a_compiler_the_files_are_written_with_a_warning(
    edgeseq: CommandLine, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    done = edgeseq("export", saved, "-o", saved.parent / "boiler.c", "--format", "c")
    assert done.code == 0
    assert "warning: no C compiler here" in done.err
    assert (saved.parent / "boiler.c").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "x.onnx", "--format", "c"], "-o: expected a name that ends in .c, got x.onnx"),
        (["-o", "x-2.c", "--format", "c"], "'x-2' begins all names in the C"),
        (["-o", "x.c", "--format", "c", "--quantize", "int4"], "C is float or int8, not int4"),
        (["-o", "x.c", "--format", "c", "--report", "x.html"], "--report is for --format onnx"),
        (["-o", "x.c", "--format", "c", "--form", "step"], "--form is for --format onnx"),
        (["-o", "x.onnx", "--libm"], "--libm is for --format c or arduino"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(
    edgeseq: CommandLine, saved: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    before = sorted(saved.parent.iterdir())
    done = edgeseq("export", saved, *arguments)
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert sorted(saved.parent.iterdir()) == before


def test_a_folder_that_is_not_there_is_said_before_the_work(edgeseq: CommandLine, saved: Path) -> None:
    done = edgeseq("export", saved, "-o", saved.parent / "no" / "x.c", "--format", "c")
    assert done.code == 1
    assert done.err.endswith("x.c: No such file or directory\n")


@needs_compiler
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler here")
@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_a_program_in_cpp_takes_the_header_as_it_is(edgeseq: CommandLine, tmp_path: Path, quantize: str) -> None:
    """And links with the C: of a network whose scale runs along, which has a detector and adapts."""
    edgeseq.must("export", "starter", "-o", tmp_path / "sensor.c", "--horizon", "2", "--quantize", quantize)
    program = "sensor_state s; sensor_detector d; float y[2]; sensor_reset(&s); sensor_detector_reset(&d, 1e-4f);"
    (tmp_path / "main.cpp").write_text(
        f'#include "sensor.h"\nint main() {{ {program} float x = 1; sensor_step(&s, &x, y); return 0; }}'
    )
    run_checked(
        [*(toolchain.compiler() or []), *STRICT, "-c", str(tmp_path / "sensor.c"), "-o", str(tmp_path / "sensor.o")]
    )
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    run_checked(["g++", *flags, str(tmp_path / "main.cpp"), str(tmp_path / "sensor.o"), "-o", str(tmp_path / "main")])
    run_checked([str(tmp_path / "main")])


@needs_compiler
@pytest.mark.skipif(not shutil.which("g++"), reason="there is no C++ compiler here")
@pytest.mark.parametrize("clocks", [(), ("hour_sin", "weekday_cos")])
def test_the_arduino_sketch_forecasts_what_its_pin_hears(
    edgeseq: CommandLine, tmp_path: Path, clocks: tuple[str, ...]
) -> None:
    """Compiled against a stub of the core: the forecasts are those of the C alone, and the LED follows them."""
    checkpoint = make_checkpoint(horizon=2, warmup=3, period=60.0, predicts="value", clocks=clocks)
    checkpoint.save(tmp_path / "model.safetensors")
    library = tmp_path / "boiler"
    done = edgeseq("export", tmp_path / "model.safetensors", "-o", library, "--format", "arduino")
    assert done.code == 0
    assert "name=boiler\n" in (library / "library.properties").read_text()
    heard = np.random.default_rng(0).integers(0, 1024, 40)
    printed = sketch(library, heard, tmp_path)
    forecasts = np.array([line.split("\t") for line in printed if not line.startswith("LED")], float)
    assert forecasts.shape == (38, 2)
    assert {"LED on", "LED off"} < set(printed)
    if clocks:
        return  # its time is this computer's
    spec = checkpoint.spec.features[0]
    samples = (spec.minimum + (spec.maximum - spec.minimum) * heard / 1023).astype(np.float32)
    made = export.kind_of(checkpoint, "none")
    with Compiled(made.render(made.spec, "boiler"), made.spec, toolchain.compiler() or []) as compiled:
        wanted = compiled.stream(samples[:, None])[1]
    np.testing.assert_allclose(forecasts, wanted[2:], atol=2e-6)
    lit = [forecast > sample for forecast, sample in zip(wanted[2:, 0], samples[2:], strict=True)]
    assert led(printed) == lit


def sketch(library: Path, heard: np.ndarray, folder: Path) -> list[str]:
    """What a library's sketch prints, when its pin hears these numbers."""
    source = library / "src" / f"{library.name}.c"
    run_checked([*(toolchain.compiler() or []), *STRICT, "-c", str(source), "-o", str(folder / "model.o")])
    flags = ["-std=c++11", "-Wall", "-Wextra", "-Werror", "-include", "Arduino.h", f"-I{STUB}", f"-I{source.parent}"]
    ino = library / "examples" / "forecast" / "forecast.ino"
    program = str(folder / "sketch")
    units = ["-x", "c++", str(ino), str(STUB / "core.cpp"), "-x", "none", str(folder / "model.o")]
    run_checked(["g++", *flags, *units, "-o", program])
    return run_checked([program], " ".join(map(str, heard)).encode()).decode().splitlines()


def led(printed: list[str]) -> list[bool]:
    """Whether the LED was lit at each forecast."""
    found, lit = [], False
    for line in printed:
        if line.startswith("LED"):
            lit = line == "LED on"
        else:
            found.append(lit)
    return found


@needs_compiler
@pytest.mark.skipif(not shutil.which("cmake"), reason="there is no cmake here")
def test_zephyr_builds_the_same_folder_as_a_module(edgeseq: CommandLine, saved: Path, tmp_path: Path) -> None:
    """With Zephyr's functions replaced by cmake's own."""
    library = tmp_path / "boiler"
    assert edgeseq("export", saved, "-o", library, "--format", "arduino", "--quantize", "int8").code == 0
    assert (library / "zephyr" / "module.yml").read_text() == "name: boiler\nbuild:\n  cmake: .\n"
    application = tmp_path / "application"
    application.mkdir()
    (application / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\n"
        "project(application C)\n"
        "macro(zephyr_library)\n  add_library(module STATIC)\nendmacro()\n"
        "macro(zephyr_library_sources)\n  target_sources(module PRIVATE ${ARGV})\nendmacro()\n"
        "macro(zephyr_include_directories)\n  target_include_directories(module PUBLIC ${ARGV})\nendmacro()\n"
        f"add_subdirectory({library} module)\n"
        "add_executable(application main.c)\n"
        "target_link_libraries(application module)\n"
    )
    main = "#include <boiler.h>\nint main(void) { boiler_state s; boiler_reset(&s); return (int)s.age; }\n"
    (application / "main.c").write_text(main)
    built = str(tmp_path / "built")
    run_checked(["cmake", "-S", str(application), "-B", built])
    run_checked(["cmake", "--build", built])
    assert run_checked([f"{built}/application"]) == b""
