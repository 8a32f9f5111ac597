"""What the program says on stderr: one note is one line, whatever files and messages have put into it.

Nobody need read it: a line that cannot be written within a moment is dropped and counted, so a full pipe stops neither
the work nor a signal. Notes of one kind are thinned out, so that a broken sensor fills no log.
"""

import contextlib
import os
import re
import select
import sys
import time
from dataclasses import dataclass, field

import click

from edgeseq.text import colour
from edgeseq_runtime.printable import printable

_AT_ONCE = 10
"""Different notes of a kind before they are thinned out; the same one, but for its numbers, is from the first on."""
_PAUSE = 60.0
"""Seconds from one note of a kind to the next, once they are."""
_NUMBER = re.compile(r"[0-9]+")
_PATIENCE = 250
"""Milliseconds that a reader of stderr may take to make room, if there was room before."""


@dataclass
class _Kind:
    """What was said of one kind."""

    said: set[int] = field(default_factory=set)
    """What was said, numbers aside; hashes of it."""
    left_out: int = 0
    """Since the last time that it was said."""
    last: float = 0.0
    """When that was, as `time.monotonic` has it."""


class Notes:
    """Says things on stderr."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}
        self._dropped = 0  # lines that could not be written, since the last that could

    def note(self, text: str, kind: str = "") -> None:
        """Say something, as one line. It never raises, and never waits for long.

        `kind` says in the plural of what this is one ("lines that are no samples"). What says the same but for its
        numbers, and all of a kind after ten, is said once a minute, with how many there were between.
        """
        if kind:
            thinned = self._kinds.setdefault(kind, _Kind())
            now, shape = time.monotonic(), hash(_NUMBER.sub("", text))
            is_known = shape in thinned.said or len(thinned.said) >= _AT_ONCE
            if is_known and now - thinned.last < _PAUSE:
                thinned.left_out += 1
                return
            if thinned.left_out:
                text += f" (and {thinned.left_out} more {kind} before)"
            thinned.left_out, thinned.last = 0, now
            if not is_known:
                thinned.said.add(shape)
        label = "warning: "
        if text.startswith(label):
            self._say(text[len(label) :], "warning:", "yellow")
        else:
            self._say(text)

    def fail(self, text: str) -> None:
        """Say why the program ends."""
        self._say(" ".join(text.split()), "edgeseq:", "red")

    def close(self) -> None:
        """Say how many notes were left out since the last of their kind, and forget them."""
        for kind, thinned in self._kinds.items():
            if thinned.left_out:
                self._say(f"and {thinned.left_out} more {kind}")
        self._kinds.clear()
        if self._dropped:
            self._say_dropped()
        self._dropped = 0

    def draw(self, text: str) -> bool:
        """Write text with its escape sequences, where stderr takes any; return whether that could be done in time."""
        return _write(text if _is_coloured() else click.unstyle(text), patience=0 if self._dropped else _PATIENCE)

    def _say(self, text: str, label: str = "", color: str = "") -> None:
        if self._dropped and not self._say_dropped():
            self._dropped += 1
            return
        line = printable(text)
        self._dropped += not self.draw(f"{click.style(label, fg=color)} {line}\n" if label else f"{line}\n")

    def _say_dropped(self) -> bool:
        said = self.draw(f"{self._dropped} lines could not be written here\n")
        if said:
            self._dropped = 0
        return said


def _is_coloured() -> bool:
    return colour() is not False and sys.stderr is not None and sys.stderr.isatty()


def _write(text: str, *, patience: int) -> bool:
    """Write to stderr; False where that cannot be done within `patience` milliseconds.

    A descriptor that is ready takes PIPE_BUF bytes without waiting. Where there is no `poll`, or stderr is no file, the
    write itself may wait.
    """
    try:
        number = sys.stderr.fileno()
        ready = select.poll()
    except (AttributeError, OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            click.echo(text, err=True, nl=False, color=colour())
        return True
    ready.register(number, select.POLLOUT)
    data = text.encode("utf-8", "replace")
    try:
        while data and ready.poll(patience):
            data = data[os.write(number, data[: select.PIPE_BUF]) :]
    except OSError:  # closed, or full in the meantime
        return False
    return not data


_notes = Notes()
note, fail, draw, close = _notes.note, _notes.fail, _notes.draw, _notes.close
