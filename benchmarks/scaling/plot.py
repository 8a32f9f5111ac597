"""The curves as a picture: time a sample above, memory below, on logarithmic axes."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.scaling.axes import (
    BY_NAME,
    CASES,
    FLEET,
    HIDDEN,
    HORIZON,
    LAYERS,
    ONE,
    POOL,
    POOL_SIZE,
    POOLED,
    PREDICTOR,
    STREAMS,
)
from benchmarks.scaling.curves import Measured, along
from edgeseq_runtime.model_file.library_file import NATIVE
from edgeseq_runtime.spec import CHUNK, STEP

_COLUMNS = {STREAMS: "streams in a pool", HIDDEN: "hidden size", LAYERS: "layers", HORIZON: "steps ahead"}
_COLOURS = {POOL: "#2e6f95", BY_NAME: "#8d99ae", PREDICTOR: "#d1495b", POOL_SIZE: "#66a182"}
_LINES = {CHUNK: "-", STEP: ":", NATIVE: "--"}


def draw(measured: Sequence[Measured], caches: Mapping[int, int], path: Path) -> None:
    """Write a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7.5), layout="constrained")
    axes = figure.subplots(2, len(_COLUMNS), sharex="col", sharey="row")
    for column, (axis, title) in enumerate(_COLUMNS.items()):
        above, below = axes[:, column]
        for curve, name, colour in _curves(measured, axis):
            x, line = [one.point.value for one in curve], _LINES[curve[0].point.case.file]
            least, usual = [one.minimum for one in curve], [one.median for one in curve]
            above.fill_between(x, least, usual, color=colour, alpha=0.2, linewidth=0)
            above.plot(x, least, line, marker=".", color=colour, label=name)
            below.plot(x, [one.grown / 1e6 for one in curve], line, marker=".", color=colour)
        if axis == HIDDEN:
            _mark_caches(above, along(measured, axis, ONE), caches)
        below.set_xlabel(title)
        for panel in (above, below):
            panel.set_xscale("log")
            panel.set_yscale("log")
            panel.xaxis.set_minor_formatter("")
            panel.grid(alpha=0.3)
            panel.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set_ylabel("us a sample: minimum to median")
    axes[1, 0].set_ylabel("memory beyond the imports, MB")
    handles = {name: line for above in axes[0] for line, name in zip(*above.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4, fontsize=9, frameon=False)
    figure.savefig(path, dpi=80)


def _curves(measured: Sequence[Measured], axis: str) -> Iterator[tuple[list[Measured], str, str]]:
    """Yield the curves of one column that were measured, with what each is called and its colour."""
    for case in CASES[axis]:
        name = str(case) if axis == STREAMS or case.call != POOL else f"{case}, {POOLED} streams"
        if curve := along(measured, axis, case):
            yield curve, name, _COLOURS[case.call]
    for case in CASES[POOL_SIZE] if axis == STREAMS else ():
        if curve := along(measured, POOL_SIZE, case):
            yield curve, f"{case}, {FLEET:,} in pools of that size", _COLOURS[POOL_SIZE]


def _mark_caches(panel: Any, curve: Sequence[Measured], caches: Mapping[int, int]) -> None:
    """Draw a line where the weights are as large as a cache, if that lies on the curve."""
    for level, size in caches.items():
        larger = [one for one in curve if one.point.network.weight_bytes > size]
        if larger and len(larger) < len(curve):
            before, after = curve[len(curve) - len(larger) - 1], larger[0]
            sizes = [one.point.network.weight_bytes for one in (before, after)]
            share = (size - sizes[0]) / (sizes[1] - sizes[0])
            at = before.point.value + share * (after.point.value - before.point.value)
            panel.axvline(at, color="grey", linestyle=":")
            panel.annotate(f" weights = L{level}", (at, 0.03), xycoords=("data", "axes fraction"), fontsize=8)
