"""How much of a core `edgeseq predict` needs for a sensor that sends samples at a fixed rate."""

import os
import subprocess
import sys
import time
from pathlib import Path

RATE = 200
"""Samples a second."""


def share_of_a_core(model: Path, sample: str, seconds: float, provider: str = "auto") -> float:
    """Return CPU seconds per second while samples arrive on stdin at `RATE`; its start is left out. Linux only."""
    command = [sys.executable, "-m", "edgeseq", "predict", str(model), "--provider", provider]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        stdin, stdout = process.stdin, process.stdout
        assert stdin is not None
        assert stdout is not None

        def exchange() -> None:
            stdin.write(f"{sample}\n".encode())
            stdin.flush()
            assert stdout.readline()

        exchange()  # the first answer: it has started
        before, begin = _cpu_seconds(process.pid), time.perf_counter()
        for number in range(1, int(seconds * RATE) + 1):
            exchange()
            time.sleep(max(0.0, begin + number / RATE - time.perf_counter()))
        share = (_cpu_seconds(process.pid) - before) / (time.perf_counter() - begin)
        stdin.close()
        assert process.wait() == 0
    return share


def _cpu_seconds(pid: int) -> float:
    """Return what a process has used so far, in user and system mode together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
