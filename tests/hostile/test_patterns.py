"""Every regular expression takes a time in proportion to the text, whatever that is made of."""

import ast
import importlib
import itertools
import re
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import edgeseq
import edgeseq_export
import edgeseq_runtime

PACKAGES = [Path(package.__file__ or "").parent for package in (edgeseq, edgeseq_export, edgeseq_runtime)]
MEGABYTE = 1 << 20
SECONDS = 1.0
"""For a megabyte: a linear pattern takes some hundredths."""
SHORT, BRIEFLY = 1 << 12, 0.02
"""For so many characters a linear pattern takes a hundredth of that, one that tries every split ten times as much."""
ANYWHERE = ("search", "sub", "subn", "findall", "finditer", "split")
ODD = "\0é "
"""Characters that most patterns do not know, for an end that does not fit."""


def as_text(pattern: object) -> str:
    """Return a pattern as one for text, where it is one for bytes."""
    return pattern.decode("latin-1") if isinstance(pattern, bytes) else str(pattern)


def sources() -> Iterator[Path]:
    for package in PACKAGES:
        yield from package.rglob("*.py")


def calls(path: Path) -> Iterator[ast.Call]:
    """Calls of functions of the module `re`."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Name) and owner.id == "re":
                yield node


def searched() -> Iterator[str]:
    """Patterns that are looked for at every place of a text."""
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ANYWHERE:
                owner = node.func.value
                if isinstance(owner, ast.Name) and owner.id == "re" and isinstance(node.args[0], ast.Constant):
                    yield as_text(node.args[0].value)
                elif isinstance(owner, ast.Name) and isinstance(found := vars(module(path)).get(owner.id), re.Pattern):
                    yield as_text(found.pattern)


def module(path: Path) -> ModuleType:
    package = next(folder for folder in PACKAGES if folder in path.parents)
    return importlib.import_module(".".join(path.relative_to(package.parent).with_suffix("").parts))


def written() -> Iterator[str]:
    """Patterns that stand in a call of `re` as text."""
    for path in sources():
        for call in calls(path):
            if call.args and isinstance(call.args[0], ast.Constant):
                yield as_text(call.args[0].value)


def compiled() -> Iterator[str]:
    """Patterns that modules hold, however they were put together."""
    for path in sources():
        if "re.compile" not in path.read_text():
            continue
        yield from (as_text(value.pattern) for value in vars(module(path)).values() if isinstance(value, re.Pattern))


PATTERNS = sorted({*written(), *compiled()})
SEARCHED = set(searched())


def seconds(pattern: str, text: str) -> float:
    """Seconds that it takes to look for a pattern at the start of a text, and in all of it; the least of three."""
    test, times = re.compile(pattern), []
    for _ in range(3):
        begin = time.perf_counter()
        test.match(text)
        test.fullmatch(text)
        if pattern in SEARCHED:
            test.search(text)
        times.append(time.perf_counter() - begin)
        if times[-1] < BRIEFLY:
            break
    return min(times)


def slow(pattern: str) -> str | None:
    """Return a text of one character, or of two in turns, that the pattern knows and takes too long for."""
    known = sorted({*pattern, *"0aA", *ODD})
    units = [*known, *(first + second for first, second in itertools.permutations(known, 2))]
    for unit, end in itertools.product(units, ("", "\0")):
        text = unit * (SHORT // len(unit)) + end
        if seconds(pattern, text) > BRIEFLY:
            return f"{text[:4]!r}... and {end!r}"
    return None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_no_pattern_tries_every_split(pattern: str) -> None:
    assert slow(pattern) is None


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_megabyte_of_each_character_that_it_knows_takes_no_time(pattern: str) -> None:
    assert slow(pattern) is None  # else what follows might take a day
    test = re.compile(pattern)
    for character in sorted({*pattern, *"0aA", *ODD}):
        begin = time.perf_counter()
        test.match(character * MEGABYTE)
        test.fullmatch(character * MEGABYTE + "\0")
        assert time.perf_counter() - begin < SECONDS, repr(character)


def test_all_patterns_are_found() -> None:
    """Every call of `re` has its pattern as text, or makes one that a module holds; and some are known to be there."""
    for path in sources():
        for call in calls(path):
            assert isinstance(call.func, ast.Attribute)
            is_text = bool(call.args) and isinstance(call.args[0], ast.Constant)
            assert is_text or call.func.attr in ("compile", "escape"), f"{path}:{call.lineno}"
    assert r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?" in PATTERNS
    assert len(PATTERNS) >= 15
    assert r'"[^"]*"' in SEARCHED


@pytest.mark.parametrize(
    "quadratic", [r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", r".*[\[(](?P<unit>[^\])]+)[\])]\s*"]
)
def test_a_pattern_that_does_is_noticed(quadratic: str) -> None:
    assert slow(quadratic)
