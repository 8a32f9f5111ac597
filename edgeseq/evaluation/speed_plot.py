"""The plot of `edgeseq bench`: how long a sample takes, how many streams can be served, and what a start costs."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from edgeseq.evaluation.plots import save
from edgeseq_runtime.benchmark.cold_start import Start
from edgeseq_runtime.benchmark.latency import NAIVE, POOL_SIZES, STEP, Timing, pooled

_OURS, _OTHER = "#d1495b", "#8d99ae"


def draw_speed(timings: Mapping[str, Timing], starts: Mapping[str, Start], path: Path, title: str) -> None:
    """Draw what the two `measure` found to a PNG."""
    save(figure(timings, starts, title), path)


def figure(timings: Mapping[str, Timing], starts: Mapping[str, Start], title: str) -> Figure:
    """Return the figure: percentiles of a step, throughput by the size of a pool, seconds and memory of a start."""
    drawn = Figure(figsize=(10, 6), layout="constrained")
    drawn.suptitle(title)
    (steps, pools), (seconds, memory) = drawn.subplots(2, 2)
    _steps(steps, timings)
    _pools(pools, timings)
    _bars(seconds, "cold start, s", {what: start.seconds for what, start in starts.items()})
    _bars(memory, "resident memory after it, MB", {what: start.megabytes for what, start in starts.items()})
    return drawn


def _steps(axes: Axes, timings: Mapping[str, Timing]) -> None:
    for shift, (way, color) in enumerate(((NAIVE, _OTHER), (STEP, _OURS))):
        timing = timings[way]
        heights = (timing.p50, timing.p90, timing.p99, timing.p999)
        bars = axes.bar([place + 0.4 * shift for place in range(4)], heights, width=0.38, color=color, label=way)
        axes.bar_label(bars, fmt="{:.4g}", fontsize="small")
    axes.set_yscale("log")
    axes.set_xticks([place + 0.2 for place in range(4)], ["p50", "p90", "p99", "p99.9"])
    axes.set_ylabel("microseconds a sample")
    axes.legend(frameon=False)


def _pools(axes: Axes, timings: Mapping[str, Timing]) -> None:
    sizes = {size: timings[pooled(size)] for size in POOL_SIZES if pooled(size) in timings}
    axes.plot(list(sizes), [1e6 / timing.p50 for timing in sizes.values()], "o-", color=_OURS)
    axes.axhline(1e6 / timings[NAIVE].p50, color=_OTHER, label=NAIVE)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(list(sizes), [str(size) for size in sizes])
    axes.set_xlabel("streams in a pool")
    axes.set_ylabel("samples a second")
    axes.legend(frameon=False)


def _bars(axes: Axes, title: str, figures: Mapping[str, float]) -> None:
    bars = axes.barh(list(figures), list(figures.values()), color=[_OURS, _OTHER][: len(figures)], height=0.5)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.margins(x=0.25)
    axes.set_title(title, fontsize="medium")
