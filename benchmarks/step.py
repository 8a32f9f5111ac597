"""How long a step takes: `Predictor.step` against a naive loop over the same file, interleaved in one process.

    python -m benchmarks.step [MODEL ...]

Without MODEL: the default network, 2 x 30, with random weights; the time of a step does not depend on them.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import tempfile
from pathlib import Path

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq_runtime.session import Session
from edgeseq_runtime.timing import measure
from tests.made_up import make_checkpoint


def main(words: list[str] | None = None) -> None:
    """Print one row for each model file and way to use it."""
    parser = arguments("Time a step.")
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args(words)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models or default_models(Path(folder)):
            timings = measure(Session(path))
            naive = timings["naive session.run"].minimum
            rows += [
                {
                    "model": path.name,
                    "bytes": path.stat().st_size,
                    "way": way,
                    "minimum us": round(timing.minimum, 2),
                    "p50 us": round(timing.p50, 2),
                    "p99 us": round(timing.p99, 2),
                    "of naive": round(timing.minimum / naive, 3),
                }
                for way, timing in timings.items()
            ]
    publish("One stream, microseconds a sample (minimum over interleaved rounds)", rows, options.json)


def default_models(folder: Path) -> list[Path]:
    """Write the default network as float32 and int8."""
    paths = []
    for quantize in ("none", "int8"):
        path = folder / f"lstm-2x30-{quantize}.onnx"
        path.write_bytes(edgeseq_export.build(make_checkpoint(hidden=30), quantize))
        paths.append(path)
    return paths


if __name__ == "__main__":
    main()
