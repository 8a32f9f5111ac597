"""What each method of rounding weights costs: test error as a multiple of the float file's, and the file's size.

    python -m benchmarks.accuracy.rounding CHECKPOINT... [--json FILE]

Rounded to the nearest without looking at samples, and with the head fitted anew, which is what export does.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.evaluation.evaluate import score_part, typical_predictor
from edgeseq.model.checkpoint import Checkpoint, Weights
from edgeseq_export.graph import quantization
from edgeseq_export.graph.weights import QuantizedWeights, unquantized
from edgeseq_runtime.spec import Spec

METHODS = ("nearest", "nearest, head fitted")


def main(words: list[str] | None = None) -> None:
    """Print one row for each checkpoint, number of bits and method."""
    parser = arguments("Compare methods of rounding weights.")
    parser.add_argument("checkpoints", nargs="+", type=Path)
    options = parser.parse_args(words)
    rows = [row for path in options.checkpoints for row in compare(path.stem, Checkpoint.load(path))]
    publish("Rounded weights: test RMSE as a multiple of float's", rows, options.json)


def compare(name: str, checkpoint: Checkpoint) -> Iterator[dict[str, Any]]:
    """Yield a row for each number of bits and method."""
    plain = _error(checkpoint, edgeseq_export.build(checkpoint))
    for kind in quantization.BITS:
        for method in METHODS:
            content = edgeseq_export.build(checkpoint, kind) if method == METHODS[1] else _as_it_is(checkpoint, kind)
            ratio = _error(checkpoint, content) / plain
            yield {"checkpoint": name, "weights": kind, "method": method, "ratio": ratio, "bytes": len(content)}


def _error(checkpoint: Checkpoint, content: bytes) -> float:
    assert checkpoint.test
    return score_part(typical_predictor(content), checkpoint.test)[1].mse_standardized ** 0.5


def _as_it_is(checkpoint: Checkpoint, kind: str) -> bytes:
    """Return the model file whose head is that of the float file."""

    def head(_spec: Spec, weights: Weights, *_: object) -> QuantizedWeights:
        return {name: matrix for name, matrix in unquantized(weights).items() if name.startswith("head.")}

    with mock.patch.object(quantization, "_fitted_head", head):
        return edgeseq_export.build(checkpoint, kind)


if __name__ == "__main__":
    main()
