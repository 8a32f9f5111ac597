"""JSON as files of edgeseq have it: an object has each key once."""

import json
from typing import Any


def loads(text: str | bytes) -> Any:
    """Read JSON. Raises `ValueError` for what is none, is nested too deep, or has a key twice: of two one would win."""
    try:
        return json.loads(text, object_pairs_hook=_without_doubles)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)[:40]!r} twice")
    return content
