"""Speed and memory as ratios, each beside its target: interleaved rounds in one process, minimum.

    python -m benchmarks.speed.ratios [MODEL ...] [--rounds N] [--seconds S] [--json FILE]

Without MODEL: the default network, 2 x 30, with random weights, on which no time depends. "Naive" is a loop over
`session.run` on the same session, with its states fed back. The provider native is left out where there is no compiler.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import tempfile
from pathlib import Path
from typing import Any

import onnxruntime

import edgeseq_export
from benchmarks.common import arguments, publish
from benchmarks.speed import fixed_rate, session_only
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.backends.native.build import can_build
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.ort.session import OrtSession
from edgeseq_runtime.benchmark import cold_start, latency
from edgeseq_runtime.benchmark.latency import NAIVE, Case, as_rows, synthetic_samples
from edgeseq_runtime.model_file.library_file import NATIVE
from edgeseq_runtime.spec import CHUNK, STEP, STREAM, Spec

STREAMS, FEW = 512, 64

TARGETS = {
    "Predictor.step / naive": 0.50,
    "Predictor.step / naive in a session with onnxruntime's defaults": None,
    "naive / naive over a graph of the two LSTMs only": 1.10,
    f"Pool.step_array of {STREAMS} / naive": 0.03,
    f"Pool.step of {STREAMS} by name / naive": 0.06,
    "Predictor.run, a sample / naive": 0.06,
    "native: Predictor.step / naive": 1 / 20,
    "native: the C alone, a sample / naive": 1 / 60,
    f"native: Pool.step_array of {FEW} / onnxruntime's": 1.0,
    f"native: Pool.step_array of {STREAMS} / onnxruntime's": 1.0,
    "cold start to the first forecast / session only": 1.30,
    "resident memory / session only": 1.15,
    f"share of a core, predict at {fixed_rate.RATE} samples/s": 0.03,
}
"""What is measured, and the most that it should be; None: no target, for comparison."""

_CALLS = 5
"""In one round, of a case that takes many samples: enough for the caches to be as warm as those of a loop."""

_DEFAULTS, _SESSION_ONLY, _ARRAY, _FEW, _NAMED, _RUN = "defaults", "session only", "array", "few", "named", "run"
_NATIVE, _C, _NATIVE_ARRAY, _NATIVE_FEW = "native", "c", "native array", "native few"


def main(words: list[str] | None = None) -> None:
    """Print one row for each figure and model file."""
    parser = arguments("Measure speed and memory.")
    parser.add_argument("models", nargs="*", type=Path)
    parser.add_argument("--rounds", type=int, default=60, help="rounds of all cases, in turns")
    parser.add_argument("--starts", type=int, default=6, help="processes started of each kind")
    parser.add_argument("--seconds", type=float, default=10, help="of streaming at a fixed rate")
    options = parser.parse_args(words)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for path in options.models or default_models(Path(folder)):
            rows += [
                {"model": path.name, "what": what, "figure": figure, "target": TARGETS[what], "absolute": absolute}
                for what, (figure, absolute) in measure(path, options.rounds, options.starts, options.seconds).items()
            ]
    for row in rows:
        row["met"] = None if row["target"] is None else row["figure"] <= row["target"]
    publish("One thread; times are microseconds a sample, minimum over interleaved rounds", rows, options.json)


def default_models(folder: Path) -> list[Path]:
    """Write the default network as float32, as int8, and for one sample at a time."""
    paths = []
    for name, quantize, form in (("float32", "none", CHUNK), ("int8", "int8", CHUNK), ("float32-step", "none", STEP)):
        path = folder / f"lstm-2x30-{name}.onnx"
        path.write_bytes(edgeseq_export.build(make_checkpoint(hidden=30), quantize, form=form))
        paths.append(path)
    return paths


def measure(path: Path, rounds: int, starts: int, seconds: float) -> dict[str, tuple[float, str]]:
    """Return what is in `TARGETS`, with the two figures that each ratio is made of."""
    found = _ratios(path, rounds)
    forecast, session = cold_start.measure(str(path), "cpu", rounds=starts).values()
    found.append((forecast.seconds / session.seconds, f"{forecast.seconds:.3f} / {session.seconds:.3f} s"))
    found.append((forecast.megabytes / session.megabytes, f"{forecast.megabytes:.1f} / {session.megabytes:.1f} MB"))
    sample = as_rows(synthetic_samples(open_session(path), 1))[0]
    found.append((fixed_rate.share_of_a_core(path, str(sample), seconds), f"over {seconds:g} s"))
    return {what: pair for what, pair in zip(TARGETS, found, strict=True) if pair is not None}


def _ratios(path: Path, rounds: int) -> list[tuple[float, str] | None]:
    """Time all cases of one process, in the order of `TARGETS`."""
    session = open_session(path)
    assert isinstance(session, OrtSession)  # no other is chosen unasked
    best = {name: found.minimum for name, found in latency.interleaved(_cases(path, session), rounds).items()}

    def ratio(case: str, base: str = NAIVE) -> tuple[float, str] | None:
        there = case in best and base in best
        return (best[case] / best[base], f"{best[case]:.3f} / {best[base]:.3f} us") if there else None

    return [
        ratio(latency.STEP),
        ratio(latency.STEP, _DEFAULTS),
        ratio(NAIVE, _SESSION_ONLY),
        ratio(_ARRAY),
        ratio(_NAMED),
        ratio(_RUN),
        ratio(_NATIVE),
        ratio(_C),
        ratio(_NATIVE_FEW, _FEW),
        ratio(_NATIVE_ARRAY, _ARRAY),
    ]


def _cases(path: Path, session: OrtSession) -> dict[str, Case]:
    block = synthetic_samples(session, latency.BLOCK)
    rows = as_rows(block)
    named = [dict(enumerate(as_rows(synthetic_samples(session, STREAMS))))] * _CALLS
    cases = {
        NAIVE: Case(latency.baseline(session), rows),
        latency.STEP: Case(Predictor(session).step, rows),
        _DEFAULTS: Case(latency.baseline(session, onnxruntime.InferenceSession(path)), rows),
        _ARRAY: latency.in_pool(session, STREAMS, calls=_CALLS),
        _FEW: latency.in_pool(session, FEW, calls=_CALLS),
        _NAMED: Case(Pool(session).step, named, STREAMS),
        _RUN: Case(Predictor(session).run, [block] * _CALLS, len(block)),
    }
    if _is_plain_lstm(session.spec):
        raw = onnxruntime.InferenceSession(session_only.build(session.spec), session.raw.get_session_options())
        cases[_SESSION_ONLY] = Case(latency.baseline(session, raw), rows)
    return cases | (_native_cases(path, block) if can_build() else {})


def _native_cases(path: Path, block: Float32) -> dict[str, Case]:
    session = open_session(path, provider=NATIVE)
    fresh = session.fresh()
    return {
        _NATIVE: Case(Predictor(session).step, as_rows(block)),
        _C: Case(lambda samples: session.advance(samples, fresh), [block[:, None]] * _CALLS, len(block)),
        _NATIVE_ARRAY: latency.in_pool(session, STREAMS, calls=_CALLS),
        _NATIVE_FEW: latency.in_pool(session, FEW, calls=_CALLS),
    }


def _is_plain_lstm(spec: Spec) -> bool:
    return spec.cell == "lstm" and spec.layout == STREAM and not spec.linear_path


if __name__ == "__main__":
    main()
