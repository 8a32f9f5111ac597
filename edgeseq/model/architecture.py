"""What a network is made of: the states of a spec's step function, and the shapes of its weights."""

import math

from edgeseq.model import running_scale
from edgeseq.model.cells import CELLS, memory_names
from edgeseq_runtime.spec import FEATURES, RUNNING, SCALE, SETTINGS, STEP, STREAM, Spec, State


def states(spec: Spec) -> tuple[State, ...]:
    """Return the states of the step function, in the model file's order. All zero, they are a fresh stream.

    `last` holds the last sample and a one, which tells a stream that has seen a sample from a fresh one; where samples
    come one at a time, the one is a state by itself, `seen`. `changes` holds what the linear path sees, which is
    measured features only, but the newest; `window` the last samples but the newest, less their centers. `offset` and
    `gain` hold what a sensor is like, where there are several. `stream` holds what a running scale follows, and `scale`
    is that scale.
    """
    features = len(spec.features)
    settings = tuple(_state(name, 1, -1, features) for name in SETTINGS) if spec.sensors else ()
    if spec.scaling == RUNNING:
        memory = [_state(name, 1, -1, spec.hidden) for name in memory_names(spec.cell, spec.layers)]
        return (_state("stream", 1, -1, running_scale.STATES), _state(SCALE, 1, -1, 1), *memory)
    if spec.layout != STREAM:
        return (_state("window", -1, features, spec.window - 1), *settings)
    carried = [_state("last", 1, -1, features + 1)]
    if spec.form == STEP:
        carried = [_state("last", 1, -1, features), _state("seen", 1, -1, 1)]
    if spec.linear_path:
        carried.append(_state("changes", -1, len(spec.measured), spec.linear_path - 1))
    carried += [_state(name, 1, -1, spec.hidden) for name in memory_names(spec.cell, spec.layers)]
    return (*carried, *settings)


def inputs(spec: Spec) -> int:
    """Return how many numbers the network sees in one step."""
    if spec.scaling == RUNNING:
        return running_scale.FEATURES
    features = len(spec.features)
    if spec.layout == STREAM:
        levels = sum(feature.level for feature in spec.features)
        return levels + spec.inputs
    return features * spec.window if spec.layout == FEATURES else features


def weight_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Return the shape of each weight, by torch's names; the linear path is (outputs, feature, lag), newest last.

    `coefficient` gives of the last layer's units, for each output and column known ahead, what the column's value at
    the output's step counts for. With a running scale the head also says how far the stream returns to its levels.
    """
    rows = CELLS[spec.cell].gates * spec.hidden
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(spec.layers):
        shapes[f"cell.weight_ih_l{layer}"] = (rows, spec.hidden if layer else inputs(spec))
        shapes[f"cell.weight_hh_l{layer}"] = (rows, spec.hidden)
        shapes[f"cell.bias_ih_l{layer}"] = shapes[f"cell.bias_hh_l{layer}"] = (rows,)
    said = spec.outputs + (running_scale.SHARES if spec.scaling == RUNNING else 0)
    shapes |= {"head.weight": (said, spec.hidden), "head.bias": (said,)}
    if spec.known:
        shapes["known.weight"] = (spec.outputs, spec.ahead)
        shapes["coefficient.weight"] = (spec.outputs * len(spec.known), spec.hidden)
    if spec.linear_path:
        shapes["linear.weight"] = (spec.outputs, len(spec.measured), spec.linear_path)
    return shapes


def weight_count(spec: Spec) -> int:
    """Return how many tensors `weight_shapes` lists, without listing them."""
    return 4 * spec.layers + 2 + 2 * bool(spec.known) + bool(spec.linear_path)


def parameter_count(spec: Spec) -> int:
    """Return how many weights a network has."""
    return sum(math.prod(shape) for shape in weight_shapes(spec).values())


def _state(name: str, *shape: int) -> State:
    return State(name, f"{name}_next", shape)
