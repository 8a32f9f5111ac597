"""Whether the fields of a spec fit each other, and hold what a model may have; each raises `ModelFileError`."""

from edgeseq_runtime.spec.fields import SpecFields
from edgeseq_runtime.spec.findings import LearnedAnomalies, Residuals, Verification
from edgeseq_runtime.spec.format import (
    CELLS,
    CHANGE,
    CLOCKS,
    FIXED,
    FORMS,
    LAYOUTS,
    OWN,
    PREDICTED,
    QUANTIZATIONS,
    SCALINGS,
    SETTINGS,
    STEP,
    STREAM,
)
from edgeseq_runtime.spec.limits import FLOAT32, LATEST_TIME, LIMITS, are_float32, is_table, require


def check_structure(spec: SpecFields) -> None:
    """Refuse fields that contradict each other."""
    _check_features(spec)
    _check_network(spec)
    for sensor in spec.sensors:
        sizes = len(sensor.offset), len(sensor.gain)
        fits = sizes == (len(spec.features),) * 2 and all(sensor.gain)
        require(fits, "sensors", "an offset and a gain for each")


def _check_features(spec: SpecFields) -> None:
    names = [feature.name for feature in spec.features]
    every = [*names, *(column.name for column in spec.known)]
    require(spec.features, "features", "at least one")
    require(len(set(every)) == len(every), "features", "distinct names")
    require(not any(column.clock for column in spec.known), "known", "columns that are not of time")
    require(spec.targets, "targets", "at least one")
    are_features = tuple(names[: len(spec.targets)]) == spec.targets or spec.cell == OWN
    require(are_features, "targets", "the first features' names")
    clocks = [feature.clock for feature in spec.features]
    require(clocks == sorted(clocks) and not any(clocks[: len(spec.targets)]), "features", "those of time last")
    read_off = all(name in CLOCKS for name, clock in zip(names, clocks, strict=True) if clock)
    require(read_off, "features", f"those of time among {', '.join(CLOCKS)}")


def _check_network(spec: SpecFields) -> None:
    for name, kinds in (
        ("cell", (*CELLS, OWN)),
        ("quantize", QUANTIZATIONS),
        ("form", FORMS),
        ("predicts", PREDICTED),
        ("layout", LAYOUTS),
        ("scaling", SCALINGS),
    ):
        require(getattr(spec, name) in kinds, name, f"one of {', '.join(kinds)}")
    require(not spec.known or spec.layout == STREAM or spec.cell == OWN, "known", "none, but in a stream")
    require(spec.window >= 2 or (spec.window == 0 and spec.layout == STREAM), "window", "2 or more, 0 in a stream")
    linear = spec.linear_path >= 2 and spec.layout == STREAM and spec.predicts == CHANGE
    require(spec.linear_path == 0 or linear, "linear_path", "2 or more, in a stream that predicts changes")
    alone = spec.layout == STREAM and spec.predicts == CHANGE and not (spec.known or spec.sensors or spec.linear_path)
    fits = alone and spec.form == STEP and len(spec.features) == 1
    require(spec.scaling == FIXED or fits, "scaling", "fixed, but in a stream of one feature, step by step")
    for name, (least, most) in LIMITS.items():
        require(least <= getattr(spec, name) <= most, name, f"at least {least}, at most {most}")
    require(is_table(spec.target_scales, spec.horizon, len(spec.targets)), "target_scales", "one for each output")


def check_numbers(spec: SpecFields) -> None:
    """Refuse numbers that nothing measured gives. `from_json` asks: it is files that may hold anything."""
    for feature in (*spec.features, *spec.known):
        name = feature.name[:40]
        moves = feature.change > 0 or (feature.change == 0 and spec.cell == OWN)
        signs = moves and feature.scale > 0 and feature.std >= 0
        require(signs, "features", f"numbers above 0 for the scale and the change of {name}")
        require(are_float32(feature.center, feature.scale), "features", f"{FLOAT32} for {name}")
        own = max(abs(feature.minimum), abs(feature.maximum))
        ordered = feature.minimum <= feature.maximum and own <= feature.limit
        require(ordered, "features", f"a minimum and a maximum of {name} that are in order and fit its change")
    scales = all(min(row) > 0 and are_float32(*row) for row in spec.target_scales)
    require(scales, "target_scales", f"numbers above 0, {FLOAT32}")
    require(spec.period is None or spec.period > 0, "period", "seconds above 0")
    times = [0.0 if time is None else time for time in (spec.first_time, spec.last_time)]
    require(all(abs(time) < LATEST_TIME for time in times), "first_time", "a time before the year 10000")
    require((spec.season or 0) >= 0, "season", "at least 0")
    names = {state.name for state in spec.states}
    require(len(names) == len(spec.states), "states", "distinct names")
    if spec.sensors:
        require(len({sensor.name for sensor in spec.sensors}) == len(spec.sensors), "sensors", "distinct names")
        require(all(min(sensor.gain) > 0 for sensor in spec.sensors), "sensors", "gains above 0")
        fit = all(are_float32(*sensor.offset, *sensor.gain) for sensor in spec.sensors)
        require(fit, "sensors", FLOAT32)
        require(not names or {*SETTINGS} <= names, "sensors", f"the states {' and '.join(SETTINGS)}")
    if spec.residuals:
        _check_residuals(spec, spec.residuals)
    if spec.anomalies:
        _check_anomalies(spec, spec.anomalies)
    if spec.verification:
        require(min(spec.verification.tolerance) >= 0, "verification", "tolerances of at least 0")


def _check_residuals(spec: SpecFields, residuals: Residuals) -> None:
    levels, steps = residuals.levels, residuals.quantiles
    fits = len(steps) == spec.horizon and all(is_table(step, len(spec.targets), len(levels)) for step in steps)
    require(fits, "residuals", "a number for each step, target and level")
    ordered = all(list(row) == sorted(row) for row in (levels, *(row for step in steps for row in step)))
    require(ordered and all(0 < level < 1 for level in levels), "residuals", "levels and quantiles in order")


def _check_anomalies(spec: SpecFields, learned: LearnedAnomalies) -> None:
    ladders = (learned.last, *learned.ladders.values())
    fit = all(len(gaps) == len(spec.targets) for gaps in (learned.samples, learned.means, learned.deviations, *ladders))
    require(fit, "anomalies", "numbers for each target")
    require(all(0 <= samples < 2**24 for samples in learned.samples), "anomalies", "counts of samples")
    require(min(learned.deviations) >= 0, "anomalies", "deviations of at least 0")
    require(are_float32(*learned.means, *learned.deviations), "anomalies", FLOAT32)
    gaps = [gap for ladder in (*ladders, (learned.together,)) for row in ladder for gap in row]
    require(all(1e-6 <= gap <= 1e9 for gap in gaps), "anomalies", "gaps from 1e-6 to 1e9")


def check_verification(spec: SpecFields, vector: Verification, inputs: int, outputs: int) -> None:
    """Refuse a vector that does not fit a model of so many inputs and outputs."""
    x, y = vector.x, vector.y
    tables = is_table(x, len(x), inputs) and is_table(y, len(x), outputs)
    require(x and tables and len(vector.tolerance) == len(spec.targets), "verification", "tables")
    known = {state.name for state in spec.states}
    fits = vector.states.keys() <= known and all(len(pair) == 2 for pair in vector.states.values())
    require(fits, "verification.states", "two numbers for states of the spec")
