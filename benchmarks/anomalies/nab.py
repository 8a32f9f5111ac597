"""The Numenta Anomaly Benchmark: each file's model from its first rows, then its p-values, scored beside others.

    python -m benchmarks.anomalies.nab --folder FOLDER [--json FILE] [--models FOLDER] [--processes N] [--only NAME...]

FOLDER has `data/*/*.csv` and `windows.json`, or is the benchmark's own repository. With `--json` a run that is started
again with the same file goes on where the last one ended. `--models` keeps the trained models for the next run.
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import multiprocessing
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.anomalies import nab_detector, nab_files, nab_table
from benchmarks.anomalies.nab_detector import Found
from benchmarks.anomalies.nab_files import NabFile
from benchmarks.anomalies.nab_results import Results
from benchmarks.common import arguments, text


def main(words: list[str] | None = None) -> None:
    """Measure what the file of results lacks; print the tables."""
    parser = arguments("Score edgeseq's p-values and alarms on the Numenta Anomaly Benchmark.")
    parser.add_argument("--folder", type=Path, required=True, help="data/*/*.csv and windows.json")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep trained models here, and take them from it")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="files at a time (2)")
    parser.add_argument("--steps", type=int, help="training steps, for a quick try")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="files whose names contain one of these")
    options = parser.parse_args(words)
    if not (options.folder / "data").is_dir():
        parser.error(f"there is no folder {str(options.folder / 'data')!r}")
    files = [file for file in nab_files.read(options.folder) if _chosen(file.name, options.only)]
    if not files:
        parser.error(f"no file of {str(options.folder)!r} is chosen")
    results = Results.load(options.json)
    missing = [file for file in files if file.name not in results.found]
    measure(missing, results, options.models, options.processes, options.steps)
    print(report(files, results, options.folder))


def measure(
    files: Sequence[NabFile], results: Results, models: Path | None, processes: int = 2, steps: int | None = None
) -> None:
    """Add what is found in each file, the longest first, several at a time."""
    longest = sorted(files, key=lambda file: -len(file.values))
    if processes == 1:
        for file in longest:
            _add(results, file, nab_detector.find(file, models, steps))
        return
    fresh = multiprocessing.get_context("spawn")  # torch's threads do not outlive a fork
    with ProcessPoolExecutor(processes, mp_context=fresh) as pool:
        running = {pool.submit(nab_detector.find, file, models, steps): file for file in longest}
        for done in as_completed(running):
            _add(results, running[done], done.result())


def _add(results: Results, file: NabFile, found: Found) -> None:
    results.add(file.name, found)
    spent = f"trained in {found.train_seconds:.1f} s, streamed in {found.stream_seconds:.1f} s"
    print(f"{file.name}: {found.note or f'{spent}, {len(found.alarms)} alarms'}", file=sys.stderr, flush=True)


def report(files: Sequence[NabFile], results: Results, folder: Path) -> str:
    """Return the tables."""
    windows = sum(len(file.labels.windows) for file in files)
    corpus = list(nab_table.corpus_rows(files, results.found, folder))
    by_file = list(nab_table.file_rows(files, results.found))
    return (
        f"\n{len(files)} files, {windows} windows: 0 is no alarm at all, 100 each window met at its first row\n"
        f"{text(corpus)}\n\nBy file, standard profile, not scaled\n{text(by_file)}"
    )


def _chosen(name: str, only: list[str] | None) -> bool:
    return not only or any(each.lower() in name.lower() for each in only)


if __name__ == "__main__":
    main()
