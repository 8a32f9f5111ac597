"""Fuzzing by hand and in CI: `make fuzz`, `make fuzz SEED=7 SECONDS=600 TARGET=snapshot`.

Hypothesis was chosen since the project has it, it makes what fails small, and the same seed gives the same inputs in
the same order. A coverage-guided fuzzer (atheris) finds more in parsers written in C; these are Python's own, or behind
a hash.
"""

import argparse
import faulthandler
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.printable import LONGEST
from tests.fuzz.inputs import changed_bytes, changed_json
from tests.fuzz.targets import Target, targets

SLOWEST = 2.0
"""Seconds that one input may take; those tried are of some kilobytes."""

HANGS = 60
"""Seconds after which an input is taken to hang: the process ends, and says where it was."""

ROUND = 100
"""Inputs that a target gets at a time."""


def check(target: Target, content: bytes) -> None:
    """Whatever the bytes are: an `EdgeseqError` at most, in time, in one short line."""
    faulthandler.dump_traceback_later(HANGS, exit=True, file=2)
    began = time.monotonic()
    try:
        target.read(content)
    except EdgeseqError as error:
        message = str(error)
    else:
        message = "none"
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert message.isprintable(), "the message is not one printable line"
    assert 0 < len(message) <= LONGEST, f"the message has {len(message)} characters"
    took = time.monotonic() - began
    assert took < SLOWEST, f"it took {took:.1f} s"


def fuzz(target: Target, number: int, count: int = ROUND) -> None:
    """Try some inputs; the seed `number` decides which. Raises what the first wrong one raises, made small."""

    def tried(content: bytes) -> None:
        check(target, content)

    right = tuple(target.seeds)
    inputs: st.SearchStrategy[bytes] = changed_bytes(right)
    if target.structure:
        inputs |= changed_json(right, target.structure)
    test: Callable[[], None] = given(inputs)(tried)
    phases = (Phase.generate, Phase.shrink)
    options = settings(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(options(test))()


def main(words: list[str]) -> int:
    """Fuzz all targets in turns until the time is over; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", help="one of them only, by its name")
    arguments = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for one in targets(Path(folder)) if arguments.target in (None, "", one.name)]
        if not chosen:
            parser.error("there is no such target")
        wrong: dict[str, BaseException] = {}
        counts = dict.fromkeys((target.name for target in chosen), 0)
        end = time.monotonic() + arguments.seconds
        rounds = 0
        while time.monotonic() < end and len(wrong) < len(chosen):
            for target in chosen:
                if target.name in wrong or time.monotonic() >= end:
                    continue
                try:
                    fuzz(target, arguments.seed * 1_000_003 + rounds)
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # noqa: BLE001 - whatever a reader raises is what is looked for
                    wrong[target.name] = error
                counts[target.name] += ROUND
            rounds += 1
    for name, count in counts.items():
        said = f"{type(wrong[name]).__name__}: {wrong[name]}" if name in wrong else "nothing found"
        print(f"{name}: {count} inputs, {said[:500]}")
        for line in getattr(wrong.get(name), "__notes__", []):
            print(f"    {line[:2000]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
