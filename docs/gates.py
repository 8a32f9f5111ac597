"""Draws what one unit of a trained LSTM does with its gates over two periods of the sine, by the oracle's functions.

edgeseq train -o sine.safetensors
python docs/gates.py sine.safetensors -o docs/gates.png
"""

import argparse
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.model.scaling import network_inputs
from edgeseq.reference import Gates, Oracle, lstm_gates
from edgeseq.series.examples import sine_continued
from edgeseq.series.gaps import fill
from edgeseq_runtime import files

PERIOD = 628
"""Samples in a period of the sine, which is sampled 0.01 apart."""

_NAMES = {"i": "input gate i", "f": "forget gate f", "o": "output gate o", "g": "new state g"}
_COLOURS = {"i": "#2e86ab", "f": "#d1495b", "o": "#edae49", "g": "#66a182"}


def main(words: list[str] | None = None) -> None:
    """Draw the figure."""
    parser = argparse.ArgumentParser(description="Draw the gates of one unit over two periods of the sine.")
    parser.add_argument("checkpoint", type=Path, help="an LSTM that was trained on the sine")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.png")
    options = parser.parse_args(words)
    samples = sine_continued(3 * PERIOD)
    gates, cell = first_layer(Checkpoint.load(options.checkpoint), samples)
    shown = slice(PERIOD, None)  # the first period warms the state up
    content = BytesIO()
    figure = draw(samples[shown, 0], Gates(*(gate[shown] for gate in gates)), cell[shown])
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    files.write_atomically(options.output, content.getvalue())


def first_layer(checkpoint: Checkpoint, samples: npt.NDArray[np.float32]) -> tuple[Gates, npt.NDArray[np.float64]]:
    """Stream samples (time, feature) through the oracle; return the first layer's gates and cell, (time, hidden)."""
    oracle = Oracle(checkpoint.spec, checkpoint.weights)
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    parameters = [checkpoint.weights[f"cell.{name}_l0"].astype(np.float64) for name in names]
    seen = network_inputs(checkpoint.spec, fill(samples)).astype(np.float64)
    states = oracle.fresh()
    gates, cells = [], []
    for sample, x in zip(samples, seen, strict=True):
        gates.append(lstm_gates(x[None], states["h1"][0], *parameters))
        _, states = oracle.step(sample[None], states)
        cells.append(states["c1"][0, 0])
    return Gates(*(np.concatenate(gate) for gate in zip(*gates, strict=True))), np.stack(cells)


def liveliest(gates: Gates) -> int:
    """Return the unit whose three gates move most: the product of their ranges is largest."""
    return int(np.argmax(np.prod([np.ptp(gate, axis=0) for gate in (gates.i, gates.f, gates.o)], axis=0)))


def draw(sine: npt.NDArray[np.float32], gates: Gates, cell: npt.NDArray[np.float64]) -> Figure:
    """Return the figure: the sine, the gates between 0 and 1, the new state and the cell of the liveliest unit."""
    unit = liveliest(gates)
    figure = Figure(figsize=(10, 6), layout="constrained")
    series, opened, content = figure.subplots(3, 1, sharex=True, height_ratios=(1, 2, 2))
    series.plot(sine, color="#303030", linewidth=1.6, label="the sine")
    for name in "ifo":
        opened.plot(getattr(gates, name)[:, unit], color=_COLOURS[name], label=_NAMES[name])
    opened.set_ylim(-0.03, 1.03)
    content.plot(gates.g[:, unit], color=_COLOURS["g"], label=_NAMES["g"])
    content.plot(cell[:, unit], color="#303030", linewidth=1.6, label="cell c")
    content.set_xlabel("sample")
    series.set_title(f"layer 1, unit {unit + 1} of {cell.shape[1]}, over two periods of the sine")
    for axes in (series, opened, content):
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


if __name__ == "__main__":
    main()
