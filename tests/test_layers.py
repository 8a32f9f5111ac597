"""The layers: what may import what. Every import counts, those within functions and those for types only as well."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "edgeseq": ROOT,
    "edgeseq_export": ROOT / "export",
    "edgeseq_runtime": ROOT / "runtime",
    "benchmarks": ROOT,
    "tests": ROOT,
}
"""Package -> the folder that it lies in."""


def modules() -> dict[str, Path]:
    """Every module by its dotted name."""
    found = {}
    for package, base in PACKAGES.items():
        for path in (base / package).rglob("*.py"):
            parts = path.relative_to(base).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports() -> dict[str, set[str]]:
    """Which of the project's modules each of them imports, anywhere in it."""
    known = modules()
    return {name: set(imported(path, known)) - {name} for name, path in known.items()}


def imported(path: Path, known: Mapping[str, Path]) -> Iterable[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else node.module


def circles(graph: Mapping[str, set[str]]) -> set[str]:
    """The modules that no order can put behind all that they import: those of circles, and those above them."""
    left = dict(graph)
    while ready := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in ready:
            del left[name]
    return set(left)


def test_no_module_stands_in_a_circle_of_imports() -> None:
    """Counted here from the source itself, whatever the linter sees."""
    assert circles(imports()) == set()


def test_the_count_finds_a_circle() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == {"a", "b", "c"}


def lint(root: Path) -> "subprocess.CompletedProcess[str]":
    """Run the linter on a checkout."""
    path = os.pathsep.join(map(str, (root, root / "runtime", root / "export")))
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )


LAZY = "def later():\n    from edgeseq_export import export\n"
FOR_TYPES = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from edgeseq.model import checkpoint\n"


@pytest.mark.parametrize(
    ("place", "code", "broken"),
    [
        ("runtime/edgeseq_runtime/planted.py", LAZY, ["Layers"]),
        ("edgeseq/series/planted.py", FOR_TYPES, ["Layers", "Siblings"]),
        ("edgeseq/training/planted.py", "from edgeseq.commands import train\n", ["Layers", "Siblings"]),
        ("runtime/edgeseq_runtime/backends/planted.py", "from edgeseq_runtime import pool\n", ["Siblings"]),
        ("edgeseq/model/planted.py", "import benchmarks.common\n", ["Layers"]),
        ("runtime/edgeseq_runtime/benchmark/planted.py", "from edgeseq_runtime import pool\n", []),
    ],
)
def test_the_linter_refuses_an_import_that_breaks_the_layers(
    tmp_path: Path, place: str, code: str, broken: list[str]
) -> None:
    """A module is planted in a copy of the project; the last one breaks nothing, and passes."""
    for folder in ("edgeseq", "export", "runtime", "benchmarks", "tests"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "*.csv", "stored")
        )
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / place).write_text(code)
    done = lint(tmp_path)
    said = [line.split(":")[0] for line in done.stdout.splitlines() if line.endswith("BROKEN")]
    assert (done.returncode != 0, said) == (bool(broken), broken), done.stdout
