"""What a start costs: seconds from a fresh process to its first forecast, and the memory that it then holds."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.model_file.source import Model, vouched

OURS, BARE = "to the first forecast", "to a bare session"
"""What `measure` calls the two."""

ROUNDS = 3

_FORECAST = """
import sys
from edgeseq_runtime import Predictor
path, provider, threads, sidecar, key = sys.argv[1:]
p = Predictor(path, provider=provider, threads=int(threads), sidecar=sidecar or None, key=key or None)
p.step([feature.mean for feature in p.spec.features])
"""

_SESSION = """
import sys
import onnxruntime
session = onnxruntime.InferenceSession(sys.stdin.buffer.read(), providers=["CPUExecutionProvider"])
"""

_REPORT = """
import os, time
now = time.time()
try:
    with open("/proc/self/statm") as file:
        resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
except OSError:  # no Linux
    import resource
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(now, resident)
"""


@dataclass(frozen=True)
class Start:
    """The least of several starts."""

    seconds: float
    megabytes: float
    """Resident, of 1,000,000 bytes."""


def measure(
    model: Model,
    provider: str,
    threads: int = 1,
    sidecar: str | None = None,
    rounds: int = ROUNDS,
    *,
    key: str | None = None,
) -> dict[str, Start]:
    """Start processes that use a model file, in turns: to our first forecast, and to a bare session.

    The bare one imports onnxruntime and makes a session on the CPU, nothing more; of a native library there is none.
    With a public key both run only what was signed with its private half. Raises `EdgeseqError` where a process fails,
    where the model lies in no file that a process could open, and where the system does not tell what memory it holds.
    """
    if find_spec("resource") is None:
        raise EdgeseqError("memory is measured on POSIX systems only, such as Linux and macOS")
    starts_by_kind: dict[str, list[tuple[float, float]]] = {OURS: [], BARE: []}
    source = vouched(model, key=key, provider=provider, has_sidecar=sidecar is not None)
    if source.path is None or not Path(source.path).is_file():
        raise EdgeseqError(f"a fresh process cannot open {source.name}: it is no file, and was read once already")
    for _ in range(rounds):
        starts_by_kind[OURS].append(_start(_FORECAST, source.path, provider, str(threads), sidecar or "", key or ""))
        if not source.library:
            starts_by_kind[BARE].append(_start(_SESSION, given=source.content))
    return {what: _least(starts) for what, starts in starts_by_kind.items() if starts}


def _start(code: str, *words: str, given: bytes = b"") -> tuple[float, float]:
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    command = [sys.executable, "-c", code + _REPORT, *words]
    begin = time.time()
    done = subprocess.run(command, env=environment, input=given, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").splitlines() or [f"exit code {done.returncode}"])[-1]
        raise EdgeseqError(f"a fresh process could not use the model: {reason}")
    end, resident = done.stdout.split()
    return float(end) - begin, float(resident) / 1e6


def _least(starts: list[tuple[float, float]]) -> Start:
    seconds, megabytes = zip(*starts, strict=True)
    return Start(min(seconds), min(megabytes))
