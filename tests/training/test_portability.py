"""The host side can be imported where Python lacks what only POSIX has."""

import subprocess
import sys

LACKING = """
import os, select, signal, sys
import torch, polars, matplotlib  # whatever they need of the system, they may have
for name in ("fcntl", "termios", "resource", "pty", "pwd", "grp"):
    sys.modules[name] = None
lacking = {select: ["PIPE_BUF"], signal: ["SIGHUP", "SIGUSR1"], os: ["set_blocking", "fork", "getuid"]}
for module, names in lacking.items():
    for name in names:
        vars(module).pop(name, None)
"""


def test_series_and_training_are_imported_without_what_only_posix_has() -> None:
    """As on Windows: no fcntl, no SIGHUP, no PIPE_BUF, no os.set_blocking."""
    modules = "edgeseq, edgeseq.series, edgeseq.training.fitting, edgeseq.model_evaluation, edgeseq.evaluation.plots"
    code = f"{LACKING}\nimport {modules}\nassert edgeseq.load and edgeseq.fit and edgeseq.evaluate"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
