"""Blocks of bytes that may be gzip, as what they hold: files are kept so, and logs come so through pipes."""

from collections.abc import Iterable, Iterator
from itertools import chain

from edgeseq_runtime.errors import DataError

MAGIC = b"\x1f\x8b"

_MOST = 1 << 18
"""Bytes that are decompressed at once: a small block may hold any number."""


def beginning(blocks: Iterator[bytes], size: int = 2) -> bytes:
    """Return the first bytes of a text, so many at least where it has them; a line break alone is not waited behind."""
    first = b""
    for block in blocks:
        first += block
        if len(first) >= size or first == b"\n":
            break
    return first


def gunzipped(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what gzip holds, of one member or several, and the very blocks of anything else.

    Raises `DataError` where it is damaged or ends too early.
    """
    rest = iter(blocks)
    first = beginning(rest)
    if not first.startswith(MAGIC):
        yield first
        yield from rest
        return
    import zlib  # which other streams start without

    member = zlib.decompressobj(wbits=31)
    try:
        for block in chain([first], rest):
            while block:
                if member.eof:
                    block = block.lstrip(b"\0")  # noqa: PLW2901 - padding behind a member
                    member = zlib.decompressobj(wbits=31) if block else member
                    continue
                yield member.decompress(block, _MOST)
                block = member.unused_data or member.unconsumed_tail  # noqa: PLW2901 - what is left of it
        yield b"" if member.eof else member.flush()
    except zlib.error as error:
        raise DataError(f"the gzip file is damaged ({error})") from None
    if not member.eof:
        raise DataError("the gzip file ends too early")
