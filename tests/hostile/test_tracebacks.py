"""Whatever goes wrong is one line and an exit code, never a traceback."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from edgeseq import cli
from edgeseq_runtime.errors import DependencyError
from tests.conftest import CommandLine

SHOWN = f"{cli.TRACEBACK}=1 shows where"


def python(code: str, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, words)]
    env = {**os.environ, **environment}
    return subprocess.run(command, env=env, input="0.1\n", capture_output=True, text=True, check=False, timeout=120)


FAILING = """
import sys
import edgeseq_runtime.benchmark.latency as latency
from edgeseq.__main__ import main
def fail(_):
    {}
latency.measure = fail
main()
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise MemoryError", "not enough memory"),
        ("raise RecursionError('maximum recursion depth exceeded')", "what is to be read is nested too deeply"),
        ("fail(0)", "what is to be read is nested too deeply"),
        ("raise OSError(28, 'No space left on device')", "cannot write the output: No space left on device"),
        ("open('/nowhere/x')", "cannot open /nowhere/x: No such file or directory"),
        ("import polars.nothing", "polars is not installed; pip install 'edgeseq[train]'"),
        ("import nothing_at_all", "cannot load nothing_at_all: No module named 'nothing_at_all'"),
        (
            "[][0]",
            f"this should not happen, please report it: IndexError: list index out of range; {SHOWN}",
        ),
    ],
)
def test_any_exception_is_one_line(model_path: Path, code: str, said: str) -> None:
    done = python(FAILING.format(code), "bench", model_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"edgeseq: {said}\n")


def test_who_wants_to_see_a_traceback_does(model_path: Path) -> None:
    done = python(FAILING.format("[][0]"), "bench", model_path, **{cli.TRACEBACK: "1"})
    assert "IndexError: list index out of range" in done.stderr
    assert "line" in done.stderr


def test_a_library_that_memory_does_not_suffice_for_is_not_called_missing(tmp_path: Path, model_path: Path) -> None:
    """A stand-in for onnxruntime that fails as its library does, and one for NumPy with a text of its own."""
    (tmp_path / "onnxruntime.py").write_text(
        "raise ImportError('libonnxruntime.so: failed to map segment from shared object', name='onnxruntime')"
    )
    code = "from edgeseq.__main__ import main; main()"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = python(code, "predict", model_path, PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "edgeseq: cannot load onnxruntime: libonnxruntime.so: failed to map segment from shared object; "
        "is there enough memory?\n"
    )
    numpys = ImportError("IMPORTANT: PLEASE READ THIS\n" * 50, name="numpy._core")
    numpys.__cause__ = ImportError("libblas.so: failed to map segment\nmore")
    assert (
        str(DependencyError.cannot_load(numpys))
        == "cannot load numpy: libblas.so: failed to map segment; is there enough memory?"
    )


def test_memory_that_does_not_suffice_for_our_own_modules_is_one_line() -> None:
    code = """
        import sys
        class Hook:
            def find_spec(self, name, *_):
                if name == "edgeseq.cli":
                    raise MemoryError
        sys.meta_path.insert(0, Hook())
        from edgeseq.__main__ import main
        main()
    """
    done = python(code, "providers")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "edgeseq: cannot start: not enough memory\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "train --preset classic --layout stream --steps 3 -o {out}",
            "--preset classic trains on windows; with --layout stream, give --unroll too",
        ),
        (
            "predict {model} --intervals",
            "the model carries no residual quantiles: its validation part was too short for intervals",
        ),
    ],
)
def test_what_does_not_go_together_is_said(
    edgeseq: CommandLine, model_path: Path, tmp_path: Path, words: str, said: str
) -> None:
    answer = edgeseq(*words.format(out=tmp_path / "out", model=model_path).split())
    assert answer.code in (1, 2)
    assert answer.err.splitlines()[-1] == f"edgeseq: {said}"
    assert "Traceback" not in answer.err
