"""A command in a process of its own that tells what code it loads: by an audit hook that is there before all else."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

_PROGRAM = """
import json, sys
loaded = []
def hook(event, arguments):
    if event == "ctypes.dlopen" and arguments[0] is not None:
        loaded.append(str(arguments[0]))
    elif event == "import" and arguments[0].partition(".")[0] in ("onnx", "onnxruntime"):
        loaded.append(arguments[0])
sys.addaudithook(hook)
from edgeseq import cli
code = cli.run(sys.argv[1:])
print(json.dumps([code, loaded]))
"""


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    loaded: list[str]
    """Libraries, and which engines were imported."""
    err: str


def run(words: Sequence[object], seconds: float = 60) -> Ran:
    """Run a command of edgeseq's."""
    command = [sys.executable, "-c", _PROGRAM, *map(str, words)]
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=seconds, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stderr
    code, loaded = json.loads(done.stdout.splitlines()[-1])
    return Ran(code, loaded, done.stderr)
