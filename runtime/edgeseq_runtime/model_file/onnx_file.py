"""What an ONNX file holds, read from its bytes by protobuf's wire format: before any engine or package sees them.

Numbers of fields are those of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Only what decides
whether a file may be opened is looked at: its metadata, and whether it is of sane size and whole in itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from edgeseq_runtime import files
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.spec import KEY

MOST_BYTES = files.READ_LIMIT
"""Of a model file."""

MOST_SPEC_BYTES = 8 << 20
"""Of the spec within; Python makes of JSON objects some twenty times as many bytes."""

MOST_NODES = 20_000
"""In all graphs of a file, and again with the nodes of functions in place of their calls: onnxruntime opens so many
within seconds, ten times as many in a minute."""

MOST_TENSORS = 20_000
"""That are stored in a file; onnxruntime's time grows with their square."""

MOST_LEVELS = 16
"""Of graphs within graphs, as If and Loop have them."""

MOST_CALLS = 64
"""Of functions within functions."""

MOST_FIELDS = 1_000_000
"""Of protobuf, in all messages that are looked into: about a second's work."""


_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5
"""Wire types: how a field's content is written."""


def _tag(number: int, wire_type: int = _BYTES) -> int:
    """Return what stands before a field's content."""
    return number << 3 | wire_type


@dataclass(frozen=True, eq=False)
class _Kind:
    """A kind of message that is looked into."""

    told: tuple[int, ...] = ()
    """The fields that are looked at."""
    messages: dict[int, "_Kind"] = field(default_factory=dict)
    """The fields that hold further messages, and of which kind."""


_PRODUCER_NAME, _METADATA_KEY, _METADATA_VALUE = _tag(2), _tag(1), _tag(2)
_OP_TYPE, _OP_DOMAIN, _OP_OVERLOAD = _tag(4), _tag(7), _tag(8)
_NAME, _DOMAIN, _OVERLOAD = _tag(1), _tag(10), _tag(13)
_EXTERNAL_DATA, _DATA_LOCATION = _tag(13), _tag(14, _VARINT)

_MODEL = _Kind((_PRODUCER_NAME,))
_METADATA = _Kind((_METADATA_KEY, _METADATA_VALUE))
_FUNCTION = _Kind((_NAME, _DOMAIN, _OVERLOAD))
_NODE = _Kind((_OP_TYPE, _OP_DOMAIN, _OP_OVERLOAD))
_TENSOR = _Kind((_EXTERNAL_DATA, _DATA_LOCATION))
_TRAINING, _GRAPH, _ATTRIBUTE, _SPARSE_TENSOR = (_Kind() for _ in range(4))

for _kind, _messages in {
    _MODEL: {7: _GRAPH, 14: _METADATA, 20: _TRAINING, 25: _FUNCTION},
    _TRAINING: {1: _GRAPH, 2: _GRAPH},
    _FUNCTION: {7: _NODE, 11: _ATTRIBUTE},
    _GRAPH: {1: _NODE, 5: _TENSOR, 15: _SPARSE_TENSOR},
    _NODE: {5: _ATTRIBUTE},
    _ATTRIBUTE: {5: _TENSOR, 6: _GRAPH, 10: _TENSOR, 11: _GRAPH, 22: _SPARSE_TENSOR, 23: _SPARSE_TENSOR},
    _SPARSE_TENSOR: {1: _TENSOR, 2: _TENSOR},
}.items():
    _kind.messages.update({_tag(number): message for number, message in _messages.items()})


_CUT, _UNKNOWN = (
    "is not an ONNX file: it ends within a field",
    "is not an ONNX file: it has a field of no known form",
)


@dataclass(frozen=True)
class OnnxFile:
    """What was found in a file."""

    producer: str
    """`producer_name`: the program that wrote it."""
    spec: slice | None
    """Which of its bytes are edgeseq's spec, where it has one."""


def read(content: bytes, name: str = "the model") -> OnnxFile:
    """Look through the bytes of an ONNX file; `name` is what errors call it.

    Raises `ModelFileError` for bytes that are none; for a file that is too large, has too much in it or is nested too
    deeply; that needs other files; or that has two specs.
    """
    reader = _Reader(content)
    try:
        _at_most(len(content), MOST_BYTES, "bytes")
        reader.look_into(_MODEL, 0, len(content), 0)
        reader.check_calls()
        _require(reader.graphs, "is not an ONNX file: it holds no graph")
        _require(len(reader.specs) <= 1, f"has {len(reader.specs)} specs, and nobody can tell which one holds")
        for spec in reader.specs:
            _at_most(spec.stop - spec.start, MOST_SPEC_BYTES, "bytes in its spec")
    except _RefusedError as error:
        raise ModelFileError(f"{name} {error}") from None
    except IndexError:  # a field's tag or length would go on behind the last byte
        raise ModelFileError(f"{name} {_CUT}") from None
    return OnnxFile(reader.producer, reader.specs[0] if reader.specs else None)


_Operator: TypeAlias = tuple[bytes, bytes, bytes]
"""What a node computes: its name, its domain, and which of several that share them."""


class _RefusedError(Exception):
    """What is wrong with the file, in words that go on after its name."""


class _Reader:
    """Goes through messages, counts, and keeps what was found."""

    def __init__(self, content: bytes) -> None:
        self.producer = ""
        self.specs: list[slice] = []
        self.graphs = 0
        self._content = content
        self._nodes = self._tensors = self._fields = 0
        self._called: list[_Operator] = []  # by the nodes outside of functions; within one, by its own
        self._outside = self._called
        self._functions: dict[_Operator, list[_Operator]] = {}

    def look_into(self, kind: _Kind, at: int, end: int, level: int) -> None:
        """Look into the message of a kind that these bytes are, within so many graphs."""
        self._count(kind, level)
        content, messages, told = self._content, kind.messages, kind.told
        last: dict[int, slice] = {}  # of a field that comes twice the last one counts, as protobuf has it
        while at < end:
            self._fields += 1
            if self._fields > MOST_FIELDS:
                _at_most(self._fields, MOST_FIELDS, "fields")
            tag = content[at]
            at += 1
            if tag >= 0x80:  # of several bytes
                tag, at = self._varint(at - 1)
                if tag >> 32:  # others would go by its lower bits
                    raise _RefusedError(_UNKNOWN)
            if tag & 7 == _BYTES:
                size = content[at]
                at += 1
                if size >= 0x80:
                    size, at = self._varint(at - 1)
                stop = at + size
            else:
                stop = self._end_of_number(tag, at)
            if stop > end:
                raise _RefusedError(_CUT)
            if tag in messages:
                self.look_into(messages[tag], at, stop, level + (kind is _GRAPH))
            elif tag in told:
                last[tag] = slice(at, stop)
            at = stop
        if last or kind is _FUNCTION:
            self._judge(kind, last)

    def _count(self, kind: _Kind, level: int) -> None:
        """Count a message within so many graphs."""
        if kind is _GRAPH:
            self.graphs += 1
            _at_most(level + 1, MOST_LEVELS, "graphs within each other")
        elif kind is _NODE:
            self._nodes += 1
            _at_most(self._nodes, MOST_NODES, "nodes")
        elif kind is _TENSOR:
            self._tensors += 1
            _at_most(self._tensors, MOST_TENSORS, "tensors")
        elif kind is _FUNCTION:
            self._called = []

    def _end_of_number(self, tag: int, at: int) -> int:
        """Return where a field's content ends that is a number, of whatever form."""
        wire_type = tag & 7
        if wire_type == _VARINT:
            return self._varint(at)[1]
        if wire_type in (_FOUR_BYTES, _EIGHT_BYTES):
            return at + (4 if wire_type == _FOUR_BYTES else 8)
        raise _RefusedError(_UNKNOWN)

    def _varint(self, at: int) -> tuple[int, int]:
        """Return the whole number at a place, seven bits to a byte, and where it ends."""
        value = 0
        for shift in range(0, 70, 7):
            byte = self._content[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise _RefusedError(_UNKNOWN)

    def _judge(self, kind: _Kind, last: Mapping[int, slice]) -> None:
        """Keep or refuse what the fields of a message say that are looked at."""
        if kind is _MODEL:
            self.producer = self._content[last[_PRODUCER_NAME]].decode(errors="replace")
        elif kind is _METADATA:
            if self._content[last.get(_METADATA_KEY, slice(0))] == KEY.encode():
                self.specs.append(last.get(_METADATA_VALUE, slice(0, 0)))
        elif kind is _NODE:
            operator = self._operator(last, _OP_TYPE, _OP_DOMAIN, _OP_OVERLOAD)
            self._called.append(operator)
            _require(
                operator[0] != b"EPContext",
                "has a node EPContext, a program for one device; give the ONNX file that it was made from",
            )
        elif kind is _FUNCTION:
            self._functions[self._operator(last, _NAME, _DOMAIN, _OVERLOAD)] = self._called
            self._called = self._outside
        elif kind is _TENSOR:
            external = _EXTERNAL_DATA in last or any(self._content[last[_DATA_LOCATION]])
            _require(not external, "keeps data in other files, and a model file must hold all that it needs")

    def _operator(self, last: Mapping[int, slice], *tags: int) -> "_Operator":
        name, domain, overload = (self._content[last[tag]] if tag in last else b"" for tag in tags)
        return name, b"" if domain == b"ai.onnx" else domain, overload

    def check_calls(self) -> None:
        """Refuse functions that call functions and so on, until a small file has more nodes than any memory holds."""
        counts: dict[_Operator, int] = {}

        def count(called: list[_Operator], level: int) -> int:
            _at_most(level, MOST_CALLS, "functions within each other")
            for operator in called:
                if operator in self._functions and operator not in counts:
                    counts[operator] = count(self._functions[operator], level + 1)
            return sum(counts.get(operator, 1) for operator in called)

        if self._functions:
            _at_most(count(self._outside, 0), MOST_NODES, "nodes where functions are called")


def _require(condition: object, otherwise: str) -> None:
    if not condition:
        raise _RefusedError(otherwise)


def _at_most(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise _RefusedError(f"has {count:,} {what} or more; at most {limit:,} are read")
