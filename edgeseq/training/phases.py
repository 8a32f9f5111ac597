"""What a training says of its phases, so that a long one can be followed."""

from collections.abc import Callable
from typing import TypeAlias

Say: TypeAlias = Callable[[str, str], None]
"""Called as a phase begins, and where it is further: with what is done, the same words for one phase, and how far."""


def silent(_phase: str, _detail: str) -> None:
    """Say nothing."""
