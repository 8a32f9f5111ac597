"""docs/troubleshooting.md is about messages that there are: each stands in the code, in its own words."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()

OF_OTHERS = "ERROR: Package"
"""How messages begin that are not edgeseq's."""

MESSAGES = [
    message
    for line in re.findall(r"^- \*\*(.*?)\*\*", PAGE, re.MULTILINE)
    for message in re.findall(r"`([^`]+ [^`]+)`", line)
    if not message.startswith(OF_OTHERS) and len(message.split()) > 3
]


def code() -> str:
    """The packages' source, with strings that go on in the next line as one."""
    folders = ("edgeseq", "export/edgeseq_export", "runtime/edgeseq_runtime")
    texts = [path.read_text() for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts)).replace("`", "")


def test_there_are_as_many_as_people_meet() -> None:
    assert len(MESSAGES) >= 10
    assert len(re.findall(r"^- \*\*", PAGE, re.MULTILINE)) >= 15


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_one_of_the_codes(message: str) -> None:
    """By some words in a row, fifteen characters at least; the others may be names and numbers."""
    words = message.split()
    source = code()
    pieces = [
        " ".join(words[start : start + length]) for length in (2, 3, 4) for start in range(len(words) + 1 - length)
    ]
    assert any(piece in source for piece in pieces if len(piece) >= 15)
