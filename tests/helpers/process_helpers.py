"""A stream that is killed again and again: `python -m tests.helpers.process_helpers FOLDER KILLS` prints what came.

Each life is `edgeseq predict` in a fork of this process, which has imported all that there is to import, so that a life
costs milliseconds. It is killed with SIGKILL at a random moment; the next is fed from the sample after the last
acknowledged one, as it says itself when it has resumed.
"""

import json
import os
import random
import re
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import edgeseq_export
from edgeseq import cli
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import predictor  # noqa: F401 - imported before the forks
from edgeseq_runtime.spec import Residuals

EVERY = 7
_MOST = 60
"""Samples that a life is given."""


class Life:
    """One process of `edgeseq predict`."""

    def __init__(self, model: Path, state: Path) -> None:
        ends = [os.pipe() for _ in range(3)]
        self.pid = os.fork()
        if not self.pid:
            os.dup2(ends[0][0], 0)
            os.dup2(ends[1][1], 1)
            os.dup2(ends[2][1], 2)
            os.closerange(3, 64)
            words = ["predict", str(model), "--state", str(state), "--state-every", str(EVERY), "--intervals"]
            os._exit(cli.run(words))
        os.close(ends[0][0])
        os.close(ends[1][1])
        os.close(ends[2][1])
        self.stdin, self.stdout, self.stderr = ends[0][1], os.fdopen(ends[1][0], "rb"), os.fdopen(ends[2][0], "rb")

    def resumed(self) -> int:
        """After how many samples the stream goes on, in its own words."""
        told = self.stderr.readline()
        found = re.fullmatch(rb"resumed after (\d+) samples\n", told)
        assert found, told
        return int(found[1])

    def end(self, *, kill: bool) -> list[bytes]:
        """Let it end, or kill it; return the lines that it wrote in full and nobody has read."""
        if kill:
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.stdin)
        rest = self.stdout.read().split(b"\n")[:-1]
        os.waitpid(self.pid, 0)
        self.stdout.close()
        self.stderr.close()
        return rest


def samples(count: int) -> list[bytes]:
    """Return input lines: a walk with missing samples, wild values and a long outage now and then."""
    chance = np.random.default_rng(0)
    values = np.cumsum(0.1 * chance.standard_normal(count))
    lines = [b"%.6f\n" % value for value in values]
    for at in range(count):
        kind = chance.random()
        if kind < 0.05:
            lines[at] = b"\n" if kind < 0.03 else b"50.5\n"
        elif kind < 0.055:
            lines[at : at + 6] = [b"nan\n"] * 6
    return lines[:count]


def main(folder: Path, kills: int) -> None:
    """Stream once without a kill, then with `kills`, and compare line by line."""
    model, state = folder / "model.onnx", folder / "state"
    made = make_checkpoint(horizon=3)
    residuals = Residuals((0.05, 0.5, 0.95), (((-0.2, 0.0, 0.2),),) * 3)
    model.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))
    given = samples(kills * _MOST)
    wanted = undisturbed(model, folder / "other", given)
    moments = random.Random(0)  # noqa: S311 - moments, not secrets
    done, compared, resumed, different, lost = 0, 0, 0, [], 0
    for _ in range(kills):
        there = state.exists()
        life = Life(model, state)
        start = life.resumed() if there else 0
        lost = max(lost, done - start)
        resumed += there
        fed = given[start : start + _MOST]
        os.write(life.stdin, b"".join(fed))
        read = [life.stdout.readline().rstrip(b"\n") for _ in range(moments.randint(0, len(fed)))]
        time.sleep(moments.random() / 1000)
        read += life.end(kill=True)
        different += [start + at for at, line in enumerate(read) if line != wanted[start + at]]
        done, compared = start + len(read), compared + len(read)
    print(json.dumps({"resumed": resumed, "compared": compared, "different": different, "done": done, "lost": lost}))


def undisturbed(model: Path, state: Path, given: list[bytes]) -> list[bytes]:
    """Return the lines that one long life writes."""
    life, lines = Life(model, state), []
    for start in range(0, len(given), _MOST):
        fed = given[start : start + _MOST]
        os.write(life.stdin, b"".join(fed))
        lines += [life.stdout.readline().rstrip(b"\n") for _ in fed]
    assert not life.end(kill=False)
    return lines


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
