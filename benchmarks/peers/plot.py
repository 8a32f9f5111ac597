"""The race as a picture: a bar for each peer, on a logarithmic axis."""

from collections.abc import Mapping
from pathlib import Path

_EDGESEQ, _OTHERS = "#d1495b", "#8d99ae"


def draw(times: Mapping[str, float], path: Path) -> None:
    """Write a PNG of microseconds a sample, by name, the fastest on top."""
    from matplotlib.figure import Figure

    names = sorted(times, key=times.__getitem__, reverse=True)
    figure = Figure(figsize=(8, 0.8 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    colours = [_EDGESEQ if name.startswith("edgeseq") else _OTHERS for name in names]
    bars = axes.barh(names, [times[name] for name in names], color=colours)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.set_xscale("log")
    axes.set_xlabel("microseconds a sample, one stream, one thread, minimum")
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)
    figure.savefig(path, dpi=150)
