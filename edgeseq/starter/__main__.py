"""`python -m edgeseq.starter FOLDER`: train the starter, or go on where it was interrupted."""

import os
import sys
import time
from dataclasses import fields
from pathlib import Path

import click

from edgeseq.starter import model_file, validation
from edgeseq.starter.allocator import keep_freed_memory
from edgeseq.starter.training import Settings, Trainer
from edgeseq.text import size, table
from edgeseq_runtime import files
from edgeseq_runtime.errors import EdgeseqError
from edgeseq_runtime.model_file.source import STARTER

_DEFAULTS = {field.name: field.default for field in fields(Settings)}


@click.command(context_settings={"show_default": True})
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--seed", type=click.IntRange(0), default=_DEFAULTS["seed"], help="Of the weights and the series.")
@click.option("--steps", type=click.IntRange(1), default=_DEFAULTS["steps"], help="Training steps in all.")
@click.option("--decay", type=click.IntRange(1), default=_DEFAULTS["decay"], help="Last steps, with a falling rate.")
@click.option("--rate", type=click.FloatRange(0, min_open=True), default=_DEFAULTS["rate"], help="Learning rate.")
@click.option("--threads", type=click.IntRange(1), default=1, help="Threads that torch uses.")
def main(folder: Path, seed: int, steps: int, decay: int, rate: float, threads: int) -> None:
    """Train the starter on made-up series; the run lies in FOLDER and goes on from there.

    At the end FOLDER holds the model file too, starter.onnx, with its errors on made-up series.

    The same seed and options give the same weights on the same machine with as many threads, interrupted or not.
    """
    import torch

    keep_freed_memory()
    torch.set_num_threads(threads)
    settings = Settings(seed=seed, steps=steps, decay=min(decay, steps), rate=rate)
    try:
        files.make_folder(folder)
        path = folder / "run.safetensors"
        trainer = Trainer.resume(path, settings) if path.exists() else Trainer(settings)
        _train(trainer, path)
        made = model_file.make(path)
        files.write_atomically(folder / f"{STARTER}.onnx", made.content)
        click.echo(table(validation.HEADER, validation.rows(trainer.network, validation.make())))
        click.echo(f"{folder / STARTER}.onnx: {size(len(made.content))}, {made.deviation.forecast:.0e} from the oracle")
    except EdgeseqError as error:
        click.echo(f"edgeseq.starter: {error}", err=True)
        sys.exit(2)


def _train(trainer: Trainer, path: Path) -> None:
    series = validation.make()
    began, first = time.monotonic(), trainer.step

    def report(loss: float) -> None:
        each = (time.monotonic() - began) / (trainer.step - first)
        line = f"step {trainer.step} of {trainer.settings.steps}, loss {loss:.4f}, {each:.2f} s a step"
        if trainer.skipped:
            line += f", {trainer.skipped} skipped"
        if trainer.step % 500 == 0:
            means = validation.geometric_means(validation.shares(trainer.network, series))
            line += ", of persistence's error by age: " + " ".join(f"{mean:.3f}" for mean in means)
        click.echo(line)

    trainer.run(path, report)


if __name__ == "__main__":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    main()
