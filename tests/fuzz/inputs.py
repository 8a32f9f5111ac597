"""Inputs near those that are right: bytes changed here and there, and what a JSON header holds replaced by worse."""

import copy
import json
import re
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st

TOKENS = (
    *(b"9" * 400, b"-", b"1e999", b"NaN", b"Infinity", b"null", b"true", b"0", b"2147483648", b"1" + b"0" * 30),
    *(b"[" * 1000, b"{" * 1000, b'{"a":' * 200, b"(" * 3000, b'"', b"\\", b",", b"=", b"\n", b"\r", b"\0", b" " * 3000),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\x1b]0;x\x07", "\u202e\u0663".encode(), b"\x7f" * 8),
    *(b"\xff" * 8, b"\x80" * 9 + b"\x01", b"2025-13-45T25:61:61", b"9999-12-31T23:59:59-23:59", b"0001-01-01"),
)
"""What parsers stumble over."""

VALUES = (
    *(None, True, False, 0, 1, -1, 2, 2**31, 2**62, 2**63, 10**30, 10**400, 0.5, -0.5, 1e-300, 1e300, 5e-324),
    *(float("inf"), float("nan"), "", "x", "ok", "x" * 3000, "\0", "\ud800", "\x1b[2J", [], {}, [[]], [1], {"a": 1}),
)
"""What may stand in the place of any value."""

Structure: TypeAlias = tuple[Any, Callable[[Any], bytes]]
"""The JSON within an input, and what puts an input together around another one."""

_NUMBER = re.compile(rb"-?\d[\d.eE+-]*")


def plain_json(content: bytes) -> Structure:
    """Take an input that is JSON."""
    return json.loads(content), lambda value: json.dumps(value).encode("utf-8", "replace")


def header(before: int, form: str) -> Callable[[bytes], Structure]:
    """Return what takes an input with a JSON header, of which `before` bytes and its length as `form` come first."""

    def take(content: bytes) -> Structure:
        size = struct.calcsize(form)
        (length,) = struct.unpack_from(form, content, before)
        begin = before + size

        def put(value: Any) -> bytes:
            text = json.dumps(value).encode()
            return content[:before] + struct.pack(form, len(text)) + text + content[begin + length :]

        return json.loads(content[begin : begin + length]), put

    return take


@st.composite
def changed_bytes(draw: st.DrawFn, right: tuple[bytes, ...]) -> bytes:
    """A few changes of the bytes."""
    content = bytearray(draw(st.sampled_from(right)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(content)))
        kind = draw(st.sampled_from(("bit", "byte", "token", "number", "cut", "drop", "twice", "bytes")))
        if kind == "bit" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and at < len(content):
            content[at] = draw(st.integers(0, 255))
        elif kind == "token":
            content[at:at] = draw(st.sampled_from(TOKENS))
        elif kind == "number" and (found := _NUMBER.search(content, at)):
            content[found.start() : found.end()] = draw(st.sampled_from(TOKENS))
        elif kind == "cut":
            del content[at:]
        elif kind == "drop":
            del content[at : at + draw(st.integers(1, 40))]
        elif kind == "twice":
            content[at:at] = content[at : at + draw(st.integers(1, 200))]
        elif kind == "bytes":
            content[at:at] = draw(st.binary(max_size=20))
    return bytes(content)


@st.composite
def changed_json(draw: st.DrawFn, right: tuple[bytes, ...], take: Callable[[bytes], Structure]) -> bytes:
    """A few values of the JSON replaced, left out or put elsewhere."""
    value, put = take(draw(st.sampled_from(right)))
    root = [copy.deepcopy(value)]
    for _ in range(draw(st.integers(1, 3))):
        place: Any = root
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 5)):
                place = place[key]
                continue
            _change(draw, place, key)
            break
        if not root:
            root = [None]
    return put(root[0])


def _change(draw: st.DrawFn, place: Any, key: Any) -> None:
    kind = draw(st.sampled_from(("replace", "replace", "replace", "drop", "rename", "twice")))
    if kind == "replace":
        place[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    elif kind == "drop":
        del place[key]
    elif kind == "twice" and isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))
    elif kind == "rename" and isinstance(place, dict):
        place[draw(st.sampled_from(("", "x", "counts.x", "x" * 3000, "sha256", *place)))] = place.pop(key)
