"""Exports on whatever processor this runs on: past the parity check, then run by plain onnxruntime in docs/reader.py.

    python exports.py CHECKPOINT=QUANTIZATION...

Prints for each how far the check and the reader found it to be off, as shares of what is allowed. Fails where one
refuses.
"""

import runpy
import sys
from pathlib import Path

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint

READER = Path(__file__).parents[2] / "docs" / "reader.py"


def main(*wanted: str) -> None:
    """Export one checkpoint after the other."""
    check = runpy.run_path(str(READER))["check"]
    for word in wanted:
        path, _, quantization = word.partition("=")
        made = edgeseq_export.export(Checkpoint.load(path), quantization)
        print(made.deviation.forecast / made.deviation.allowed, check(made.content))


if __name__ == "__main__":
    main(*sys.argv[1:])
