"""What adaptation is worth: trains on each CSV file of a folder with the defaults, and streams the test parts.

    python -m benchmarks.accuracy.adaptation FOLDER --target value --every 5min --sort --horizon 12 [--keep FOLDER]

Errors are squared, standardised, of the exported file; one below a thousandth of the series' deviation counts as that.
The best baseline is the best of persistence, seasonal naive and ridge over the test part itself. What adapts is what a
device would run: where the validation part decided against it, the adapted forecasts are those of the trained model.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq.evaluation.evaluate import Evaluation, evaluate_test_part, typical_predictor
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Parts, load
from edgeseq.training import adapting, fitting
from edgeseq.training.options import AUTO, TrainingOptions
from edgeseq.training.plan import plan
from edgeseq_runtime.errors import EdgeseqError

EXACT = 1e-3**2
"""The standardised squared error that every smaller one counts as."""

RATIOS = ("static/best", "adapted/best", "adapted/static")


@dataclass(frozen=True)
class Task:
    """A series to forecast, and how it is read."""

    name: str
    file: str
    horizon: int
    reading: dict[str, Any]


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    options = _parser().parse_args(words)
    rows, tasks = [], _tasks(options)
    for task in tasks:
        try:
            rows.append(measure(task, options.keep, options.seed))
        except EdgeseqError as error:
            rows.append({"series": task.name, **dict.fromkeys(RATIOS), "adapts": "", "best": "", "note": str(error)})
        print(rows[-1], file=sys.stderr, flush=True)
    rows += summary(rows)
    publish(f"Adaptation on {len(tasks)} series, {options.horizon} samples ahead", rows, options.json)


def measure(task: Task, keep: Path | None, seed: int = 0) -> dict[str, Any]:
    """Return the row of a series. Raises `EdgeseqError` where it cannot be trained on, or has nothing to score."""
    _, parts = load(task.file, **task.reading)
    found = evaluate(_trained(task, parts, keep, seed), parts)
    errors = {name: max(scored.total.mse_standardized, EXACT) for name, scored in found.baselines.items()}
    best = min(errors, key=errors.__getitem__)
    static, adapted = (max(one.total.mse_standardized, EXACT) for one in (found.model, found.judged))
    ratios = (static / errors[best], adapted / errors[best], adapted / static)
    return {
        "series": task.name,
        **dict(zip(RATIOS, ratios, strict=True)),
        "adapts": str(found.spec.adapt),
        "best": best,
    }


def evaluate(checkpoint: Checkpoint, parts: Parts) -> Evaluation:
    """Stream the test part through the checkpoint's model file, with adaptation where the validation part is for it."""
    adapt, _ = adapting.decide(checkpoint, AUTO)
    checkpoint = replace(checkpoint, spec=replace(checkpoint.spec, adapt=adapt))
    return evaluate_test_part(typical_predictor(edgeseq_export.build(checkpoint)), parts, adapt=adapt)


def summary(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the geometric mean, the worst, and the worst adapted/static where static was not behind."""
    known = [row for row in rows if row[RATIOS[0]] is not None]
    if not known:
        return []
    table = np.array([[row[name] for name in RATIOS] for row in known])
    ahead = table[table[:, 0] <= 1]
    worst_ahead = (None, None, float(ahead[:, 2].max()) if len(ahead) else None)
    lines = {
        f"geometric mean of {len(known)}": np.exp(np.log(table).mean(axis=0)).tolist(),
        "worst": table.max(axis=0).tolist(),
        "worst where static is ahead": worst_ahead,
    }
    return [
        {"series": name, **dict(zip(RATIOS, values, strict=True)), "adapts": "", "best": ""}
        for name, values in lines.items()
    ]


def _trained(task: Task, parts: Parts, keep: Path | None, seed: int) -> Checkpoint:
    """Return the checkpoint of a series: one that is kept, where there is one, else it is trained."""
    kept = keep and keep / f"{task.name}.safetensors"
    if kept and kept.exists():
        return Checkpoint.load(kept)
    series, _ = load(task.file, **task.reading)
    made = plan(series, parts, TrainingOptions(horizon=task.horizon))
    trainer = fitting.start(made, parts, seed=seed, device="cpu")
    with tempfile.TemporaryDirectory() as folder:
        trainer.run(lambda *_: None, lambda: False, Path(folder, "run"))
    checkpoint = fitting.finish(made, trainer, parts)
    try:
        checkpoint = fitting.judge(checkpoint, parts).checkpoint
    finally:
        if kept:
            checkpoint.save(kept)
    return checkpoint


def _tasks(options: argparse.Namespace) -> list[Task]:
    files = sorted(options.folder.rglob("*.csv")) if options.folder.is_dir() else [options.folder]
    found = []
    for file in files:
        every = next((other for part, other in options.every_of if part in file.name), options.every)
        reading = {"every": every, "sort": options.sort, "split": options.split}
        names = options.target or [None]
        for target in names:
            name = file.stem if len(names) == 1 else f"{file.stem}-{target}"
            columns = {"targets": [target]} if target else {}
            found.append(Task(name, str(file), options.horizon, {**reading, **columns}))
    return found


def _parser() -> argparse.ArgumentParser:
    parser = arguments("Measure what adaptation is worth on each CSV file of a folder, or on one.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a folder of CSV files, or one of them")
    parser.add_argument("--target", action="append", metavar="COL", help="a column to forecast by itself (repeatable)")
    parser.add_argument("--horizon", type=int, default=12, help="samples ahead (12)")
    parser.add_argument("--every", metavar="D", help="the interval that samples are averaged over, as train takes it")
    parser.add_argument(
        "--every-of",
        action="append",
        default=[],
        type=lambda text: text.split("=", 1),
        metavar="PART=D",
        help="another one for files with PART in their names (repeatable)",
    )
    parser.add_argument("--sort", action="store_true", help="put rows in the order of their times")
    parser.add_argument("--split", metavar="TRAIN:VAL:TEST", help="as train takes it")
    parser.add_argument("--seed", type=int, default=0, help="the training's (0)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="checkpoints are kept here, and taken from here")
    return parser


if __name__ == "__main__":
    main()
