"""Learning curves: a table of every run, and pictures of it where they are asked for."""

import csv
import importlib
import io
import math
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from edgeseq.evaluation.png import png
from edgeseq.evaluation.style import BASELINE, LAST, TRUTH, hide_spines, legend
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
    steps, losses = [point[0] for point in curve], [point[1] for point in curve]
    axes.plot(steps, losses, color=TRUTH, linewidth=1, label="training loss, in the network's scale")
    validated = [point for point in curve if not math.isnan(point[3])]
    steps, errors = [point[0] for point in validated], [point[3] for point in validated]
    label = "validation error, of the standardised data"
    axes.plot(steps, errors, "o-", color=LAST, markersize=3, linewidth=1.2, label=label)
    axes.set_yscale("log")
    axes.set_xlabel("training step")
    axes.set_ylabel("mean squared error")
    if validated:
        best = min(validated, key=lambda point: point[3])
        axes.axvline(best[0], color=BASELINE, linewidth=1, linestyle="--", label=f"weights kept: step {best[0]:.0f}")
    hide_spines((axes,))
    legend(figure, axes)
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
