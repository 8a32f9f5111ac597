"""What a save of many streams costs, how fast they are gone on from, and in how much memory.

    python -m benchmarks.speed.state_saves [--streams N...] [--changed N] [--saves N] [--json FILE]

A random 2-layer LSTM of 30, one step ahead; 20 marks a stream. Processor time of a save: snapshots packed, hashed and
written, and the log put into the database when that is due. Each count of streams has a process of its own.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.pool import Pool
from edgeseq_runtime.service.named_streams import NamedStreams

_MARKS = [f"{number:012x}" for number in range(20)]


def main(words: list[str] | None = None) -> None:
    """Print a row for each count of streams."""
    parser = arguments("Measure what saving many streams costs.")
    parser.add_argument("--streams", type=int, nargs="+", default=[1_000, 10_000, 100_000], metavar="N")
    parser.add_argument("--changed", type=int, default=100, help="streams that change from save to save (100)")
    parser.add_argument("--saves", type=int, default=50, help="saves of which the median is taken (50)")
    parser.add_argument("--part", choices=["save", "resume"], help="what one process does")
    options = parser.parse_args(words)
    if options.part:
        measure = _save if options.part == "save" else _resume
        print(json.dumps(measure(options.streams[0], options.changed, options.saves)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "model.onnx").write_bytes(edgeseq_export.build(make_checkpoint(layers=2, hidden=30)))
        for count in options.streams:
            row = {"streams": count}
            for part in ("save", "resume"):
                some = ["--streams", str(count), "--changed", str(options.changed), "--saves", str(options.saves)]
                module = [sys.executable, "-m", "benchmarks.speed.state_saves", *some, "--part", part]
                environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
                done = subprocess.run(module, cwd=folder, env=environment, capture_output=True, text=True, check=True)
                row |= json.loads(done.stdout)
            rows.append(row)
            Path(folder, "state").unlink()
    publish(f"Saves of many streams, {options.changed} of which have changed", rows, options.json)


def _save(count: int, changed: int, saves: int) -> dict[str, Any]:
    pool = Pool("model.onnx", provider="cpu")
    streams, names = NamedStreams(pool), [f"plant/line-{number}" for number in range(count)]
    for name in names:
        streams.step(name, 0.5)
        streams.acknowledge(name)
        streams.marks[name] = list(_MARKS)
    store, choose = streams.store("state"), np.random.default_rng(1)
    store.save()
    processor, wall = [], []
    for _ in range(saves):
        for at in choose.choice(count, min(changed, count), replace=False).tolist():
            streams.acknowledge(names[at])
        began, at_first = time.process_time(), time.perf_counter()
        store.save()
        processor.append(1e3 * (time.process_time() - began))
        wall.append(1e3 * (time.perf_counter() - at_first))
    store.close()
    size = Path("state").stat().st_size
    return {
        "processor ms a save": float(np.median(processor)),
        "mean": float(np.mean(processor)),
        "wall ms": float(np.median(wall)),
        "bytes a stream": size / count,
    }


def _resume(count: int, _changed: int, _saves: int) -> dict[str, Any]:
    streams = NamedStreams(Pool("model.onnx", provider="cpu"))
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    store = streams.store("state")
    store.resume(fresh=False)
    seconds, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert len(streams) == count
    store.close()
    return {"seconds to go on": seconds, "kB a stream, all": (after - before) / count}


if __name__ == "__main__":
    main()
