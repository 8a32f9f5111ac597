"""The C files of a model, written from templates.

Jinja2 was chosen because a template of it reads like the C that comes out.
"""

import re
import struct
import textwrap
from dataclasses import dataclass, replace
from typing import Any

import jinja2
import numpy as np
import numpy.typing as npt

from edgeseq.model import architecture, running_scale
from edgeseq.model.about import about
from edgeseq.model.cells import CELLS
from edgeseq_export.c import adaptation, anomalies, fixed_program
from edgeseq_export.c.fixed_program import FixedProgram, Scaled
from edgeseq_export.c.float_program import Product, Program, padded
from edgeseq_runtime import __version__
from edgeseq_runtime.model_file.library_file import INTERFACE, JUDGEMENT
from edgeseq_runtime.monitoring import shown_drift
from edgeseq_runtime.rules import ANOTHER_RATE
from edgeseq_runtime.spec import CHANGE, RUNNING, SCALE, SETTINGS, STEPS, STREAM, Spec
from edgeseq_runtime.streaming import beginnings
from edgeseq_runtime.streaming.time_features import CIRCLES

_WIDTH = 112
"""Of lines of numbers."""

_MOST_READ = 1023.0
"""That a pin of Arduino's gives."""

_BYTES = {"float": 4, "int32_t": 4, "int16_t": 2}
"""Of what a stream's memory is made of."""

_SIMD_ORDER = (0, 2, 1, 3)
"""Of four columns in fixed point: an instruction takes the bytes 0 and 2 of a word, another one 1 and 3; so each meets
two columns that are neighbours."""

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("edgeseq_export.c"),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    undefined=jinja2.StrictUndefined,
    autoescape=False,  # noqa: S701 - what comes out is C, not HTML
)


@dataclass(frozen=True)
class Sources:
    """A model as C."""

    name: str
    """What all names in it begin with."""
    header: str
    source: str
    driver: str
    """A program that streams samples through it, for checks."""

    def files(self) -> dict[str, str]:
        """Return header and source by the names of their files."""
        return {f"{self.name}.h": self.header, f"{self.name}.c": self.source}


def float_sources(program: Program, name: str, *, libm: bool = False) -> Sources:
    """Return the C of a float program; with `libm` its activations are those of the C library."""
    layers = [product for layer in program.layers for product in layer.products]
    fields = [{"type": "float", "name": field.name, "size": field.size} for field in program.fields]
    paths = filter(None, (program.linear, program.known, program.coefficient))
    products: list[Product] = [*layers, program.head, *paths]
    return _render(
        "float.c", program.spec, name, program=program, products=products, fields=fields, libm=libm, fixed=False
    )


def native_sources(program: Program, content: bytes, together: int) -> dict[str, str]:
    """Return the files of a library in float, by name; `content` is the model file.

    The network takes `together` streams of many at once.
    native.c is to be compiled, and judgement.c by itself: only the former may be taken liberties with.
    """
    # Its own step function is the network's alone: judgement adapts and, from the residuals on, finds anomalies.
    sources = float_sources(replace(program, spec=replace(program.spec, adapt=False, residuals=None)), "model")
    glue = _TEMPLATES.get_template("native.c").render(
        _values(program.spec, "model"),
        interface=INTERFACE,
        content=np.frombuffer(content, np.uint8),
        program=program,
        together=together,
    )
    judgement = _TEMPLATES.get_template("judgement.c").render(
        _values(program.spec, "model") | adaptation.values(program.spec),
        version=JUDGEMENT,
        another_rate=ANOTHER_RATE,
        shown=shown_drift,
    )
    return sources.files() | {"native.c": glue, "judgement.c": judgement}


def fixed_sources(program: FixedProgram, name: str) -> Sources:
    """Return the C of a program in fixed point."""
    spec = program.spec
    layers = [
        {
            "number": number,
            "inputs": architecture.inputs(spec) if number == 1 else spec.hidden,
            "of_input": _by_unit(layer.of_input, spec),
            "of_memory": _by_unit(layer.of_memory, spec),
        }
        for number, layer in enumerate(program.layers, start=1)
    ]
    more = {
        name: getattr(fixed_program, name)
        for name in ("INPUT", "UNIT", "CELL", "SUM", "OUTPUT", "SHARP", "TABLE_STEP", "LARGEST", "CELL_LIMIT")
    }
    return _render(
        "int8.c",
        spec,
        name,
        layers=layers,
        head=program.head,
        linear=program.linear and {**vars(program.linear), "columns": program.linear.matrix.shape[1]},
        known=program.known,
        coefficient=program.coefficient,
        input_factors=program.input_factors,
        known_factors=", ".join(
            map(c_number, program.input_factors[-spec.horizon * len(spec.known) :][: len(spec.known)])
        ),
        output_factors=program.output_factors,
        output_scale=c_number(2.0**-program.output_shift),
        table=program.table,
        inputs=architecture.inputs(spec),
        levels=[at for at, feature in enumerate(spec.features) if feature.level],
        steps=spec.window if spec.layout == STEPS else 1,
        fields=_fixed_fields(spec),
        fixed=True,
        exact=spec.scaling == RUNNING,
        **more,
    )


def library(spec: Spec, name: str, *, is_fixed: bool) -> dict[str, str]:
    """Return what makes a folder with the C in src/ a library of Arduino's and a module of Zephyr's, by path."""
    clocks = [
        {
            "name": feature.name,
            "at": at,
            "wave": feature.name.rpartition("_")[2],
            "turn": round(turn),
            "begun": round(begun),
        }
        for at, feature in enumerate(spec.features)
        if feature.clock
        for turn, begun in [CIRCLES[feature.name.partition("_")[0]]]
    ]
    ranges = [(feature.minimum, feature.maximum) for feature in spec.measured]
    if spec.scaling == RUNNING:
        ranges = [(0.0, _MOST_READ)]
    values = _values(spec, name) | {
        "fixed": is_fixed,
        "clocks": clocks,
        "place": f"the time in {_zone(spec)}" if _zone(spec) else "UTC",
        "milliseconds": min(round(1000 * (spec.period or 1)), 2**31 - 1),
        "measured": _comment(", ".join(feature.label for feature in spec.measured)),
        "lowest": ", ".join(c_number(low) for low, _ in ranges),
        "highest": ", ".join(c_number(high) for _, high in ranges),
    }
    places = {
        "library.properties": "library.properties",
        "forecast.ino": "examples/forecast/forecast.ino",
        "CMakeLists.txt": "CMakeLists.txt",
        "module.yml": "zephyr/module.yml",
    }
    return {place: _TEMPLATES.get_template(f"arduino/{file}").render(values) for file, place in places.items()}


def _zone(spec: Spec) -> str:
    """Return the zone on whose clock features of the time are read off; empty for UTC."""
    return spec.reading.zone if spec.reading else ""


def _by_unit(part: Scaled, spec: Spec) -> dict[str, Any]:
    """Return a cell's matrix (gate * hidden, column) unit by unit: of four columns all gates, then of the next four.

    Of two gates of two units and four columns, where 21 is the row of gate 2 and unit 1:

        11: a b c d
        12: e f g h    becomes    a c b d  i k j l    of unit 1, gate after gate
        21: i j k l               e g f h  m o n p    of unit 2
        22: m n o p
    """
    gates, columns = CELLS[spec.cell].gates, padded(part.matrix.shape[1])
    filled = np.zeros((len(part.matrix), columns), np.int64)
    filled[:, : part.matrix.shape[1]] = part.matrix

    def by_unit(rows: Any) -> Any:  # (gate * hidden, ...) -> (hidden, gate, ...)
        return rows.reshape(gates, spec.hidden, *rows.shape[1:]).swapaxes(0, 1)

    fours = by_unit(filled).reshape(spec.hidden, gates, -1, 4)[..., _SIMD_ORDER]
    return {
        "matrix": fours.swapaxes(1, 2),  # (hidden, group of four, gate, column)
        "factor": by_unit(part.factor),
        "bias": by_unit(part.bias),
        "candidate": part.bias[-spec.hidden :],
        "shift": part.shift,
        "columns": columns,
    }


def _fixed_fields(spec: Spec) -> list[dict[str, Any]]:
    """Return the members of the struct that holds a stream's memory; the widest first, so that no byte is lost."""
    features = len(spec.features)
    settings = [("float", name, features) for name in SETTINGS] if spec.sensors else []
    if spec.layout != STREAM:
        fields = [("float", "window", features * (spec.window - 1)), *settings]
    else:
        layers = range(1, spec.layers + 1)
        cells = [("int32_t", f"c{layer}", spec.hidden) for layer in layers if "c" in CELLS[spec.cell].memory]
        units = [("int16_t", f"h{layer}", spec.hidden) for layer in layers]
        path = [("int16_t", "changes", len(spec.measured) * (spec.linear_path - 1))] if spec.linear_path else []
        if spec.scaling == RUNNING:
            fields = [("float", "stream", running_scale.STATES), ("float", SCALE, 1), *cells, *units]
        else:
            fields = [("float", "last", features), *settings, *cells, *units, *path, ("int16_t", "seen", 1)]
    return [{"type": kind, "name": name, "size": size} for kind, name, size in fields]


def _render(template: str, spec: Spec, name: str, **more: Any) -> Sources:
    values = _values(spec, name) | more
    values |= _sizes(values)
    files = (_TEMPLATES.get_template(file).render(values) for file in ("header.h", template, "driver.c"))
    return Sources(name, *files)


def _sizes(values: dict[str, Any]) -> dict[str, str]:
    """Return how many bytes the structs have that a stream's owner keeps."""
    spec, layout, detector = values["spec"], values["layout"], values["detector"]
    memory = sum(_BYTES[field["type"]] * field["size"] for field in values["fields"])
    words = spec.inputs + len(spec.targets) + 2 + (layout.words if layout else 0) + len(spec.known)
    if values["running"]:
        words += 7 if detector and detector["steps"] > 1 else 6
    sizes = {"state_bytes": f"{-(-memory // 4) * 4 + 4 * words:,}"}
    if detector:
        farther = detector["steps"] * len(spec.targets) + 1 if detector["steps"] > 1 else 0
        sizes["detector_bytes"] = f"{4 * (detector['layout'].words + 1 + len(spec.targets) + farther):,}"
    return sizes


def _values(spec: Spec, name: str) -> dict[str, Any]:
    """Return what all templates may ask for."""
    when = f" (of the sample's time{f' in {_zone(spec)}' if _zone(spec) else ''})"
    return {
        "spec": spec,
        "beginnings": beginnings,
        "name": name,
        "NAME": name.upper(),
        "about": [(_comment(label), _comment(line)) for label, line in about(spec)],
        "sample": _comment("; ".join(feature.label + when * feature.clock for feature in spec.features)),
        "forecast": _comment(_forecast(spec)),
        "version": __version__,
        "gates": CELLS[spec.cell].gates,
        "stream": spec.layout == STREAM,
        "change": spec.predicts == CHANGE,
        "ahead": _comment("; ".join(column.label for column in spec.known)),
        "known_means": ", ".join(c_number(column.mean) for column in spec.known),
        "known_centers": ", ".join(c_number(column.center) for column in spec.known),
        "centers": ", ".join(c_number(feature.center) for feature in spec.features),
        "limit": f"0x{_bits(min(feature.limit for feature in (*spec.features, *spec.known))):08X}",
        "vector": _vector(spec),
        "number": c_number,
        "values": c_values,
        "numbers": lambda numbers: ", ".join(map(c_number, numbers)),
        "running": _running(spec),
        "exact": False,
        "libm": False,
        "layout": None,
        **(adaptation.values(spec) if spec.adapt else {}),
        **anomalies.values(spec),
    }


def _running(spec: Spec) -> dict[str, Any] | None:
    """Return the constants of a scale that runs along with the stream, in C's words; None where it is fixed."""
    if spec.scaling != RUNNING:
        return None
    return {
        "levels": running_scale.LEVELS,
        "knots": len(running_scale.KNOTS),
        "of_levels": [1 / length for length in running_scale.LEVELS],
        "of_scales": [1 / length for length in running_scale.SCALES],
        "of_spread": 1 / running_scale.SPREAD,
        "of_habits": 1 / running_scale.HABITS,
        "oldest": running_scale.OLDEST,
        "tiny": running_scale.TINY,
        "floor": running_scale.FLOOR,
        "young": running_scale.YOUNG,
        "between": running_scale.between_knots(spec.horizon).T.astype(np.float32),
    }


def _forecast(spec: Spec) -> str:
    targets = ", ".join(target.label for target in spec.target_features)
    if spec.outputs == 1:
        return f"{targets}, the next sample"
    order = "; all targets of a step together" if len(spec.targets) > 1 else ""
    return f"{targets}, the next {spec.horizon} samples{order}"


def _comment(text: str) -> str:
    """Return a text that can stand in a comment of C, whatever a user calls a sensor."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return re.sub(r"\*(?=/)|/(?=\*)|\?(?=\?)|\\", r"\g<0> ", printable)


def _vector(spec: Spec) -> dict[str, Any] | None:
    """Return the verification vector in C's words."""
    vector = spec.verification
    if vector is None:
        return None

    def rows(table: tuple[tuple[float, ...], ...]) -> list[str]:
        return [", ".join(map(c_number, row)) for row in table]

    return {"x": rows(vector.x), "y": rows(vector.y), "allowed": rows((vector.tolerance,))[0]}


def _bits(value: float) -> int:
    """Return a float32's bits."""
    return int(struct.unpack("<I", struct.pack("<f", np.float32(value)))[0])


def c_number(value: float) -> str:
    """Return a float32 as a C constant."""
    text = str(np.float32(value))
    return f"{text}f" if any(mark in text for mark in ".en") else f"{text}.0f"


def c_values(array: npt.NDArray[np.generic], indent: int = 4) -> str:
    """Return an array's numbers, row-major, broken into lines."""
    write = c_number if array.dtype.kind == "f" else str
    cells = map(write, array.reshape(-1).tolist())
    return textwrap.fill(", ".join(cells), _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * indent)
