"""What frees a stream of its unit, scale and offset, as nodes: the equations of docs/starter.md.

They stand in few nodes, since at this size a node costs more than what it computes: the lengths of all means stand in
one vector, and all numbers that are divided in one over a vector of divisors.
"""

from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from edgeseq.model import running_scale
from edgeseq.model.running_scale import FLOOR, HABITS, KNOTS, LEVELS, OLDEST, SCALES, SPREAD, TINY, YOUNG
from edgeseq_export.graph.builder import Graph
from edgeseq_runtime.spec import SCALE, Spec

_COLUMN = 2
"""The axis of a stream's numbers."""


@dataclass(frozen=True)
class Seen:
    """Names of what the nodes make of a sample, each (1, batch, numbers)."""

    features: str
    """What the network sees."""
    factors: str
    """What each number that it says is multiplied by: the scale, and the distance from a level for its shares."""


def add_running_scale(graph: Graph, spec: Spec, x: str) -> Seen:
    """Add what follows the stream, from the states `stream` and `SCALE` to the next ones."""
    levels, scales = len(LEVELS), len(SCALES)
    sizes = graph.integers("stream_parts", 1, 1, levels, scales + 1, 1, 2)
    last, age, distances, means, change, habits = parts = [
        "last", "age", "distances", "means", "change", "habits",
    ]  # fmt: skip
    graph.node("Split", ["stream", sizes], parts, axis=_COLUMN)
    lengths = _add_lengths(graph, age)

    known = graph.node("Min", [age, _number(graph, "one", 1)], "known")  # 0 for the first sample
    moved = graph.node("Sub", [graph.node("Mul", [x, known], "x_known"), last], "moved")
    carried = graph.node("Add", [distances, moved], "carried")
    graph.node("Sub", [carried, graph.node("Div", [carried, lengths.levels], "caught_up")], "distances_next")
    around = graph.node("Concat", [moved, "distances_next"], "around", axis=_COLUMN)

    # The sizes of the change, for each scale, and of the distance from the fourth level.
    sizes = graph.integers("measured_sizes", *[0] * scales, 4)
    measured = graph.node("Gather", [graph.node("Abs", [around], "all_sizes"), sizes], "sizes", axis=_COLUMN)
    _add_mean(graph, means, measured, lengths.means)
    each = [f"mean{number}" for number in range(scales + 1)]
    graph.node("Split", [f"{means}_next", graph.integers("each_mean", *[1] * (scales + 1))], each, axis=_COLUMN)
    size = graph.node("Max", each[:scales], "size")

    ratios = _add_ratios(graph, spec, [around, measured, f"{means}_next", size])
    graph.node("Asinh", [ratios.change], "change_next")
    asinh = graph.node("Asinh", [ratios.distances], "distances_scaled")
    log = graph.node("Log", [graph.node("Add", [ratios.means, _number(graph, "floor", FLOOR)], "floored")], "logs")
    rare = graph.node("Softsign", [ratios.size], "rare")
    alike = graph.node("Mul", ["change_next", change], "alike")
    _add_mean(graph, habits, graph.node("Concat", [rare, alike], "habit", axis=_COLUMN), lengths.habits)

    following = [x, "age_next", "distances_next", "means_next", "change_next", "habits_next"]
    graph.node("Concat", following, "stream_next", axis=_COLUMN)
    young = graph.node("Mul", [lengths.youth, _number(graph, "young", YOUNG)], "unsure")
    graph.node("Add", [size, graph.node("Mul", [size, young], "size_unsure")], f"{SCALE}_next")
    features = ["change_next", asinh, log, "habits_next", lengths.youth]
    return Seen(graph.node("Concat", features, "network_input", axis=_COLUMN), ratios.factors)


def add_forecast(graph: Graph, spec: Spec, x: str, said: str, seen: Seen) -> str:
    """Add the forecast: the last sample, and what the network says of the change; returns its name.

    One product sums it up: each change counts for its own step ahead, each share of a distance as its knot does there.
    """
    shape = graph.integers("steps_ahead", spec.horizon, spec.horizon)
    zeros = graph.node("ConstantOfShape", [shape], "no_steps")
    own = graph.node("EyeLike", [zeros], "own_step")
    knots = graph.constant("knots", -running_scale.between_knots(spec.horizon).astype(np.float32))
    ahead = graph.node("Concat", [own, *[knots] * len(LEVELS)], "ahead", axis=0)
    changes = graph.node("Mul", [said, seen.factors], "changes")
    return graph.node("Add", [graph.node("MatMul", [changes, ahead], "leap"), x], "forecast")


@dataclass(frozen=True)
class _Lengths:
    """Names of how many numbers each mean of a stream goes over, and of 1 / sqrt(age)."""

    levels: str
    means: str
    habits: str
    youth: str


def _add_lengths(graph: Graph, age: str) -> _Lengths:
    """Add the lengths and the next age. A mean of changes has a value less than there are samples.

    It has none at the first sample: then the length is some number above 0 that divides zeros.
    """
    levels, means, habits = len(LEVELS), len(SCALES) + 1, 2
    more = np.array([1.0] * (1 + levels) + [TINY] * (means + habits), np.float32)
    longest = np.array([OLDEST, *LEVELS, *SCALES, SPREAD, HABITS, HABITS], np.float32)
    count = graph.node("Add", [age, graph.constant("more", more)], "counts")
    count = graph.node("Min", [count, graph.constant("longest", longest)], "all_lengths")
    found = _Lengths("level_lengths", "mean_lengths", "habit_lengths", "youth")
    names = ["age_next", found.levels, found.means, found.habits]
    graph.node("Split", [count, graph.integers("length_parts", 1, levels, means, habits)], names, axis=_COLUMN)
    graph.node("Reciprocal", [graph.node("Sqrt", ["age_next"], "age_root")], found.youth)
    return found


def _add_mean(graph: Graph, name: str, values: str, lengths: str) -> None:
    """Add NAME_next: means moved towards values."""
    away = graph.node("Sub", [values, name], f"{name}_away")
    graph.node("Add", [name, graph.node("Div", [away, lengths], f"{name}_moved")], f"{name}_next")


@dataclass(frozen=True)
class _Ratios:
    """Names of what was divided by the stream's scale, and of what the network's words are multiplied by."""

    change: str
    distances: str
    """From each level, and from the slowest one over the spread."""
    means: str
    """The spread and the fast scale."""
    size: str
    """Of the change."""
    factors: str


def _add_ratios(graph: Graph, spec: Spec, found: list[str]) -> _Ratios:
    """Add the ratios of what was found: change and distances, their sizes, means, scale."""
    levels, scales = len(LEVELS), len(SCALES)
    change, first_level, size = 0, 1, 1 + levels
    fast, spread = size + scales + 1, size + 2 * scales + 1
    scale = spread + 1
    distances = list(range(first_level, first_level + levels))
    divided = [change, *distances, distances[-1], spread, fast, size]
    divisors = [scale] * (1 + levels) + [spread] + [scale] * 3
    factors = [scale] * spec.horizon + [level for level in distances for _ in KNOTS]
    picked = np.eye(scale + 1, dtype=np.int8)[:, divided + divisors + factors]
    pick = graph.node("Cast", [graph.constant("picked", picked)], "pick", to=TensorProto.FLOAT)
    every = graph.node("MatMul", [graph.node("Concat", found, "found", axis=_COLUMN), pick], "each")
    sizes = graph.integers("pick_parts", len(divided), len(divisors), len(factors))
    graph.node("Split", [every, sizes], ["divided", "divisors", "factors"], axis=_COLUMN)
    divisor = graph.node("Max", ["divisors", _number(graph, "tiny", TINY)], "divisors_safe")
    ratio = graph.node("Div", ["divided", divisor], "ratios")
    made = _Ratios("change_ratio", "distance_ratios", "mean_ratios", "size_ratio", "factors")
    names = [made.change, made.distances, made.means, made.size]
    graph.node("Split", [ratio, graph.integers("ratio_parts", 1, levels + 1, 2, 1)], names, axis=_COLUMN)
    return made


def _number(graph: Graph, name: str, value: float) -> str:
    return graph.constant(name, np.array([value], np.float32))
