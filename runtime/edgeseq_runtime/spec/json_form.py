"""Dataclasses to JSON and back, by their fields' types: how the spec is written and read.

Written by hand: libraries that do this (msgspec, cattrs, pydantic) would be one more package on the device.
"""

import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Mapping
from typing import Any

from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.printable import shown

_LARGEST = sys.float_info.max

_SCALARS: Mapping[Any, tuple[type, ...]] = {float: (int, float), int: (int,), str: (str,), bool: (bool,)}
"""Type of a field -> those of JSON's values that it takes; true is no number."""


def encode(value: Any) -> Any:
    """Return a dataclass as what `json` writes, without what is as it is by default."""
    if dataclasses.is_dataclass(value):
        pairs = ((item, getattr(value, item.name)) for item in dataclasses.fields(value))
        return {item.name: encode(content) for item, content in pairs if content != _default(item)}
    if isinstance(value, Mapping):
        return {name: encode(content) for name, content in value.items()}
    if isinstance(value, tuple):
        return [encode(content) for content in value]
    return value


def _default(item: "dataclasses.Field[Any]") -> Any:
    """Return what a field is where it is not written; the format's version always is."""
    if item.name == "format":
        return dataclasses.MISSING
    return item.default if item.default_factory is dataclasses.MISSING else item.default_factory()


def decode(kind: Any, value: Any, where: str) -> Any:
    """Build what the type `kind` describes from JSON's `value`; fields that it does not know are ignored.

    `where` is what errors call the place. Raises `ModelFileError` for a value of another kind.
    """
    if kind in _SCALARS:  # nearly all values are
        return _decode_scalar(kind, value, where)
    if dataclasses.is_dataclass(kind):
        return _decode_dataclass(kind, value, where)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple and isinstance(value, list):
        return tuple(decode(arguments[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        return {name: decode(arguments[1], item, f"{where}.{name}") for name, item in value.items()}
    if origin is types.UnionType:
        return _decode_union(arguments, value, where)
    raise _unwanted(value, where)


def _decode_scalar(kind: Any, value: Any, where: str) -> Any:
    if type(value) in _SCALARS[kind] and (isinstance(value, str) or abs(value) <= _LARGEST):  # NaN is neither
        return kind(value)
    raise _unwanted(value, where)


def _unwanted(value: Any, where: str) -> ModelFileError:
    return ModelFileError(f"{where} holds {shown(value)}, which the format does not allow there")


def _decode_union(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in kinds:
        return None
    kinds = tuple(kind for kind in kinds if kind is not type(None))
    exact = [kind for kind in kinds if kind is type(value)]
    return decode(exact[0] if exact else kinds[0], value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        raise ModelFileError(f"{where} is not a JSON object")
    hints = _type_hints(kind)
    fields = {}
    for item in dataclasses.fields(kind):
        if item.name in value:
            fields[item.name] = decode(hints[item.name], value[item.name], f"{where}.{item.name}")
        elif item.default is dataclasses.MISSING and item.default_factory is dataclasses.MISSING:
            raise ModelFileError(f"{where} lacks the field {item.name}")
    return kind(**fields)


@functools.cache
def _type_hints(kind: Any) -> dict[str, Any]:
    """Return the types of a dataclass's fields; made of their texts once, which takes longer than all else here."""
    return typing.get_type_hints(kind)
