"""The blocks of a page, how they are run, and whether what they print is what the page shows.

A block of `sh` is run by bash; one of Python is run, or written to the file that its title names; one of `text` is what
the block before it prints, on stdout and stderr, where a line of dots stands for any lines.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

ELSEWHERE = {
    "make build": "CI runs it",
    "PIP_EXTRA_INDEX_URL=": "downloads some hundred megabytes; CI runs the targets",
    "pip ": "CI installs the wheel with the extra cpu only, and streams a model",
    "python3 -m venv": "likewise",
    "python3.11 -m venv": "a Jetson's",
    "sudo apt": "needs root, and a Jetson",
    ". ~/edgeseq/bin/activate": "likewise",
    ". .venv/bin/activate": "the tests run in it",
    "mkdir try": "the tests run in such a folder",
    "scp ": "needs another machine",
    "edgeseq predict boiler.int8.onnx --mqtt": "runs until it is stopped: the test of mqtt.md runs it against a broker",
    "edgeseq predict starter --mqtt": "likewise: tests/commands/test_any_series.py runs it against a broker",
    "mosquitto_": "the broker's own clients: the test of mqtt.md has one in their place",
    "edgeseq predict boiler.int8.onnx --provider cuda": "needs an NVIDIA GPU",
    "edgeseq predict boiler.int8.onnx --provider tensorrt": "needs an NVIDIA GPU and TensorRT",
    "edgeseq verify boiler.int8.onnx --provider cuda": "needs an NVIDIA GPU",
    "edgeseq info boiler.int8.onnx --provider cuda": "needs an NVIDIA GPU",
    "python -m benchmarks.speed.break_even": "needs a GPU; test_benchmarks.py runs it with the CPU in its place",
    'eval "$(_EDGESEQ_COMPLETE=zsh': "needs zsh; test_site.py completes in bash",
    "_EDGESEQ_COMPLETE=fish": "needs fish; likewise",
}
"""Commands that are not run here, and why."""

SHARE = 0.01
"""How far a number may be off that a page shows, as the tutorial promises; beside one unit of its last digit."""

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
_ANY = re.compile(
    r"SHA-256 [0-9a-f]{16}|[\d.e-]+ us\b|worst deviation [\d.e-]+|(?<=^CPUExecutionProvider).*|(?<=^native ).*"
)
"""What differs from machine to machine: hashes, times, rounding."""

_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?")


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    line: int
    language: str
    title: str | None
    content: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _BLOCK.finditer(text):
        language, title, content = found.groups()
        yield Block(text[: found.start()].count("\n") + 1, language, title, content)


def commands(content: str) -> list[str]:
    """The commands of a block, each with the lines that belong to it."""
    lines, found = content.splitlines(), []
    while lines:
        command = lines.pop(0)
        while lines and (command.endswith(("\\", "|")) or lines[0].startswith("    ")):
            command += f"\n{lines.pop(0)}"
        found.append(command)
    return [command for command in found if command.strip() and not command.startswith("#")]


def is_elsewhere(command: str) -> bool:
    return command.startswith(tuple(ELSEWHERE))


def fits(printed: str, shown: str) -> bool:
    """Whether what was printed is what a page shows."""
    return _fit(printed.splitlines(), shown.splitlines())


def _fit(printed: Sequence[str], shown: Sequence[str]) -> bool:
    if not shown:
        return not printed
    if shown[0] == "...":
        return any(_fit(printed[start:], shown[1:]) for start in range(len(printed) + 1))
    return bool(printed) and _line_fits(printed[0], shown[0]) and _fit(printed[1:], shown[1:])


def _line_fits(printed: str, shown: str) -> bool:
    """Whether two lines have the same words, and numbers near each other; a table may be wider."""
    printed, shown = (_ANY.sub("any", line) for line in (printed, shown))
    words = [re.sub(r"[ -]+", " ", _NUMBER.sub("#", line)).strip() for line in (printed, shown)]
    numbers = zip(_NUMBER.findall(printed), _NUMBER.findall(shown), strict=False)
    return words[0] == words[1] and all(_near(*pair) for pair in numbers)


def _near(printed: str, shown: str) -> bool:
    found, wanted = (float(number.replace(",", "")) for number in (printed, shown))
    mantissa, _, exponent = shown.partition("e")
    unit = 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))
    return abs(found - wanted) <= SHARE * abs(wanted) + (1.001 * unit if unit < 1 or exponent else 0)


def environment(place: Path, **more: str) -> dict[str, str]:
    """As a new user has it: the package installed, a cache and a home of its own."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = os.pathsep.join(str(folder) for folder in (ROOT, ROOT / "runtime", ROOT / "export"))
    home = {"HOME": str(place), "XDG_CACHE_HOME": str(place / ".cache")}
    return {**os.environ, "PATH": path, "PYTHONPATH": own, "COLUMNS": "120", **home, **more}


def run_page(page: Path, place: Path, **more: str) -> int:
    """Run a page's blocks; return how many of them ran."""
    ran, printed = 0, ""
    for block in blocks(page):
        where = f"{page.name}:{block.line}"
        if block.language == "text":
            assert fits(printed, block.content), f"{where} shows\n{block.content}\nbut this was printed:\n{printed}"
            continue
        if block.title:
            (place / block.title).write_text(block.content)
            continue
        if block.language == "python":
            (place / "block.py").write_text(block.content)
            wanted = ["python -W error block.py"]
        elif block.language == "sh":
            wanted = [command for command in commands(block.content) if not is_elsewhere(command)]
        else:
            continue
        printed = ""
        for command in wanted:
            done = subprocess.run(
                ["/bin/bash", "-uo", "pipefail", "-c", command],
                cwd=place,
                env=environment(place, **more),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed += done.stdout
            assert done.returncode == 0, f"{where}: {command}\n{done.stdout}"
            ran += 1
    return ran
