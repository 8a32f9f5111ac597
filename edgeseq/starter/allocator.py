"""How the C library manages the memory of a training step."""

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Names of mallopt's parameters, from malloc.h."""

_BYTES = 1 << 28
"""Up to how many bytes are kept: more than any step of a network of this size takes."""


def keep_freed_memory() -> None:
    """Let glibc keep what a step frees for the next one, where glibc is the C library; do nothing elsewhere.

    By default glibc gives freed memory back to the system and fetches it again in the next step. Measured on x86-64
    (glibc, torch 2, one thread): a step of the default training takes 6.7 ms of CPU time in place of 10.4 on the sine,
    and 6.8 in place of 9.7 on co2.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        library = ctypes.CDLL(None)
        for parameter in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
            library.mallopt(parameter, _BYTES)
