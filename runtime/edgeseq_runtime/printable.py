"""What files and messages say, as it may stand in a line for the user: printable, and of bounded length."""

from collections.abc import Iterable

LONGEST = 1000
"""Characters in one line for the user."""


def printable(text: str, longest: int = LONGEST) -> str:
    """Return text as a line that is safe on a terminal and in a log: what files and messages say stands in it.

    Line breaks and tabs become blanks. Control and format characters, escapes among them, and what is no character
    become U+FFFD. What is longer than `longest` characters is cut.
    """
    if len(text) > longest:
        text = f"{text[: longest - 3]}..."
    if text.isprintable():
        return text
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"


def listed(names: Iterable[object], longest: int = 200) -> str:
    """Return names as a list within a line, of bounded length."""
    return printable(", ".join(map(str, names)), longest)


def shown(value: object, longest: int = 40) -> str:
    """Return a value as a message may quote it: of bounded length, whatever it holds."""
    try:
        return repr(value)[:longest]
    except (ValueError, RecursionError):  # of an integer of many digits, or of lists within lists
        return f"a value of type {type(value).__name__}"


def counted(count: int, noun: str) -> str:
    """Return how many there are of something, in the plural where that is not one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
