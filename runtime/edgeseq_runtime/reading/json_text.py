"""JSON as devices write it: with the numbers of C's printf that JSON has no word for, `nan` and `-inf` in any case."""

import json
import re
from typing import Any

from edgeseq_runtime.errors import DataError

# Possessive, and a string that does not end goes to the end: a text of a megabyte costs neither time nor a stack.
_TOKEN = re.compile(
    r'"(?:[^"\\]++|\\.)*+"?'
    r"|(?<![\w.+-])(?:[-+]?(?:nan(?:\([a-z0-9]*\))?|inf(?:inity)?|1\.?#[a-z]{2,5}\d*)|none|null|true|false)(?![\w.+-])",
    re.IGNORECASE | re.DOTALL,
)
"""A string, which is left as it is, or a word that stands outside one."""

_WORDS = {"true": "true", "false": "false"}


def loads(text: str) -> Any:
    """Return what a text of JSON holds; None for a number that is none.

    Raises `DataError` for what is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(_TOKEN.sub(_repaired, text))
    except (ValueError, RecursionError):
        raise DataError(f"{text[:40]!r} is not JSON") from None


def _repaired(token: re.Match[str]) -> str:
    word = token[0]
    return word if word.startswith('"') else _WORDS.get(word.lower(), "null")
