"""Hardware that is not here: scripts that make it out of packages, and what runs on it."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent

UNAVAILABLE = 75
"""Exit code of a script, where its packages cannot be had."""

WAYS = {"step", "run", "restored in place", "restored elsewhere", "pool", "forecast"}
"""To stream, in `stream.py`."""


def make(name: str, request: pytest.FixtureRequest) -> Path:
    """Run a script, whose work is kept in pytest's cache; return its folder. Skip where packages cannot be had."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir(name)
    begin = time.monotonic()
    done = subprocess.run(
        [FOLDER / f"{name}.sh", folder],
        env={**os.environ, "PYTHON": sys.executable},
        check=False,
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode == UNAVAILABLE:
        pytest.skip(f"{name} cannot be emulated here: {done.stderr.splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    print(f"{name} was ready after {time.monotonic() - begin:.1f} s")
    return folder


def run(*command: object) -> str:
    """Run a command that must succeed, with this project on the path; return what it prints."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "runtime", ROOT / "export", ROOT)))}
    done = subprocess.run(list(map(str, command)), env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def difference(device: Sequence[object], model: bytes, folder: Path, provider: str, *libraries: str) -> float:
    """Stream 200 samples by every way, with the command `device` and with this Python; return the largest difference.

    numpy's maximum is NaN where a forecast is, and NaN passes no comparison.
    """
    (folder / "model.onnx").write_bytes(model)
    walk = 0.1 * np.cumsum(np.random.default_rng(5).standard_normal(200))
    np.save(folder / "samples.npy", walk.astype(np.float32))
    program = [FOLDER / "stream.py", folder / "model.onnx", folder / "samples.npy"]
    print(run(*device, *program, folder / "there.npz", provider, *libraries), end="")
    run(sys.executable, *program, folder / "here.npz", "cpu")
    here, there = np.load(folder / "here.npz"), np.load(folder / "there.npz")
    assert set(here) == set(there) == WAYS
    worst = float(np.max([np.abs(here[way] - there[way]).max() for way in WAYS]))
    print(f"at most {worst:.2g} apart")
    return worst
