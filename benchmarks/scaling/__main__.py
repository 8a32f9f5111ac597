"""How time and memory grow with streams, hidden size, layers and horizon, and what a million sensors need.

    python -m benchmarks.scaling [--rounds N] [--axis AXIS...] [--json FILE] [--plot FILE.png]

One thread; interleaved rounds in one process, memory in a fresh process for each point. Some ten minutes, of which
the C of the wide networks takes three to compile.
"""

import os

from edgeseq_runtime.backends.native.build import can_build

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.common import arguments, publish, text
from benchmarks.scaling import axes, curves, judged, knee_points, machine, memory, plot, sizing
from benchmarks.scaling.curves import Measured, along

_OF_A_FLEET = {"cpu": (axes.MANY, axes.AMONG), "native": (axes.MANY_NATIVE, axes.AMONG_NATIVE)}
"""Provider -> its cases of all streams of a pool, and of one among many."""


def main(words: list[str] | None = None) -> None:
    """Print the curves, their knee points, and what follows for a fleet."""
    parser = arguments("Measure how time and memory grow.")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of all points, in turns (20)")
    parser.add_argument("--axis", nargs="+", choices=axes.VALUES, metavar="AXIS", help=f"of {', '.join(axes.VALUES)}")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the curves, as PNG")
    options = parser.parse_args(words)
    compiles = can_build()
    if not compiles:
        print("the provider native is left out: there is no C compiler here", file=sys.stderr)
    if machine.is_busy():
        print("others keep this machine busy: the figures will be too high", file=sys.stderr)
    computer = machine.here()
    wanted = {axis: values for axis, values in axes.VALUES.items() if not options.axis or axis in options.axis}
    with tempfile.TemporaryDirectory() as folder:
        measured = curves.measure(axes.points(wanted, native=compiles), Path(folder), options.rounds)
        publish(f"One thread on {computer}", [one.row() for one in measured], options.json)
        print("\nKnee points", *knee_points.describe(measured, computer.caches), sep="\n- ")
        if options.plot:
            plot.draw(measured, computer.caches, options.plot)
        if {axes.STREAMS, axes.POOL_SIZE} <= wanted.keys():
            print("\nA stream with times, rules, intervals and drift", text(list(judged.table())), sep="\n")
            print("\nWhat a fleet needs, computed from the curves", *for_a_fleet(measured, Path(folder)), sep="\n")


def for_a_fleet(measured: Sequence[Measured], folder: Path) -> Iterator[str]:
    """Yield what fleets need, as a table, and what the first of them took when it was tried."""
    found = {}
    for provider, (many, among) in _OF_A_FLEET.items():
        if parted := along(measured, axes.POOL_SIZE, many):
            alone, largest = along(measured, axes.STREAMS, many)[0], along(measured, axes.STREAMS, among)[-1]
            model = curves.model_file(alone.point, folder)
            imports = memory.measure(model, 0).before
            found[model] = sizing.costs(provider, parted, alone, largest, imports=imports)
    yield text(list(sizing.needs(sizing.FLEETS, list(found.values()))))
    for model, costs in found.items():
        yield f"{costs.provider}: {costs.process_bytes / 1e6:.0f} MB a process, {costs.stream_bytes:.0f} bytes a stream"
        pools = -(-sizing.FLEETS[0].sensors // costs.streams)
        tried = memory.measure(model, costs.streams, pools)
        yield (
            f"{costs.provider}, tried in one process: {pools:,} pools of {costs.streams} took a sample of each stream "
            f"in {tried.seconds:.3g} s, and held {tried.after / 1e6:.0f} MB"
        )


if __name__ == "__main__":
    main()
