"""Learning curves: a table of every run, and pictures of it where they are asked for."""

import csv
import importlib
import io
import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from edgeseq.evaluation.png import png
from edgeseq_runtime import files
from edgeseq_runtime.errors import DependencyError, FileError

HEADER = ("step", "loss", "learning_rate", "validation_mse")

Curve = Sequence[Sequence[float]]
"""Points as `Trainer.curve` holds them, in the header's order; NaN where nothing was validated."""


def write_csv(curve: Curve, path: Path) -> None:
    """Write the curve as CSV; a cell is empty where nothing was validated."""
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(HEADER)
    for step, *figures in curve:
        rows.writerow([int(step), *("" if math.isnan(figure) else f"{figure:.6g}" for figure in figures)])
    files.write_atomically(path, text.getvalue().encode())


def draw(curve: Curve, path: Path) -> None:
    """Draw loss and validation error over the steps, both on a logarithmic scale, to a PNG."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([point[0] for point in curve], [point[1] for point in curve], color="#303030", linewidth=1, label="loss")
    validated = [point for point in curve if not math.isnan(point[3])]
    steps, errors = [point[0] for point in validated], [point[3] for point in validated]
    axes.plot(steps, errors, "o-", color="#d1495b", markersize=3, linewidth=1, label="validation error")
    axes.set_yscale("log")
    axes.set_xlabel("training step")
    axes.set_ylabel("error, standardised")
    if validated:
        best = min(validated, key=lambda point: point[3])
        axes.axvline(best[0], color="#8d99ae", linewidth=0.8, linestyle="--", label="the weights that are kept")
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    axes.spines[["top", "right"]].set_visible(False)
    files.write_atomically(path, png(figure))


def check_tensorboard(folder: Path) -> None:
    """Raise now what `write_tensorboard` would raise: `DependencyError`, or `FileError` for the folder."""
    try:
        importlib.import_module("torch.utils.tensorboard")
    except ImportError as error:
        raise DependencyError("tensorboard is not installed; pip install 'edgeseq[tensorboard]'") from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot write {folder}: {error.strerror}") from error
    files.check_writable(folder / "events")


def write_tensorboard(curve: Curve, folder: Path) -> None:
    """Write the curve as TensorBoard's events. Needs the extra tensorboard."""
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step, *figures in curve:
            for name, figure in zip(HEADER[1:], figures, strict=True):
                if not math.isnan(figure):
                    writer.add_scalar(name, figure, int(step))
