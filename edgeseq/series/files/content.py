"""A file's content: what it is by its first bytes, decompressed, and as text in UTF-8."""

import gzip
import zlib
from pathlib import Path
from typing import NamedTuple

import polars as pl

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.reading import lines

LARGEST = 4_000_000_000
"""Bytes that a compressed file may become: a small one that becomes more would fill the memory."""

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"

_OTHERS = {
    b"PK\x03\x04": "a zip archive or a spreadsheet",
    b"BZh": "compressed with bzip2",
    b"\xfd7zXZ\x00": "compressed with xz",
    b"\xd0\xcf\x11\xe0": "a spreadsheet of old",
    b"\x89HDF": "HDF5",
    b"ARROW1": "Arrow IPC",
    b"SQLite format 3": "a SQLite database",
    b"CDF": "NetCDF",
    b"Obj\x01": "Avro",
}
"""What else a file may be, to be told by its name."""

_ENCODINGS = {"utf-16": "UTF-16", "utf-16-le": "UTF-16", "utf-16-be": "UTF-16", "cp1252": "cp1252, as it is not UTF-8"}


class Text(NamedTuple):
    """A text in UTF-8, whatever it was written in."""

    data: bytes
    notes: tuple[str, ...] = ()
    """What was decided about it; a line each."""


def beginning(path: str, size: int = 16) -> bytes:
    """Return the first bytes of a file. Raises `DataError` where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read(path: str) -> bytes:
    """Return the content of a file, decompressed where its first bytes say that it is gzip or zstd.

    Raises `DataError` where it cannot be read, is damaged, or would become larger than `LARGEST`.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    if data.startswith(_GZIP):
        return _gunzipped(path, data)
    return _from_zstd(path, data) if data.startswith(_ZSTD) else data


def text(path: str, data: bytes) -> Text:
    """Return the text of a content. Raises `DataError` for what is none."""
    kind = next((kind for mark, kind in _OTHERS.items() if data.startswith(mark)), None)
    if kind:
        raise DataError(f"{path} is {kind}; save it as CSV or Parquet")
    encoding = lines.encoding(data[: 1 << 16])
    if encoding == "utf-8-sig":
        if b"\0" in data:
            raise DataError(f"{path} is not text: it holds zero bytes; save it as CSV in UTF-8, or as Parquet")
        data = data.removeprefix(b"\xef\xbb\xbf")
        if data.isascii() or lines.is_utf8(data):
            return Text(_with_line_ends(data))
        encoding = "cp1252"
    decoded = data.decode(encoding, "replace")
    if "\0" in decoded:
        raise DataError(f"{path} is not text: it holds zero bytes; save it as CSV in UTF-8, or as Parquet")
    note = f"text: read as {_ENCODINGS[encoding]}"
    return Text(_with_line_ends(decoded.removeprefix("\ufeff").encode("utf-8", "replace")), (note,))


def _with_line_ends(data: bytes) -> bytes:
    """Return a text in which a line ends with a line feed: some end with a carriage return alone."""
    return data.replace(b"\r", b"\n") if b"\r" in data[: 1 << 16] and b"\n" not in data else data


def _gunzipped(path: str, data: bytes) -> bytes:
    """Return what one or several members hold; zeros behind them are padding."""
    parts: list[bytes] = []
    left = LARGEST
    try:
        while data.startswith(_GZIP):
            member = zlib.decompressobj(wbits=31)
            parts.append(member.decompress(data, left + 1))
            left -= len(parts[-1])
            if left < 0 or member.unconsumed_tail:
                raise _too_large(path)
            if not member.eof:
                raise DataError(f"cannot read {path}: the gzip file ends too early")
            data = member.unused_data
    except (zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"cannot read {path}: the gzip file is damaged ({error})") from None
    if data.strip(b"\0"):
        raise DataError(f"cannot read {path}: something else follows the gzip file's content")
    return b"".join(parts)


def _from_zstd(path: str, data: bytes) -> bytes:
    """Return what zstd frames hold, by polars' decompressor, which takes text in UTF-8 by its lines."""
    if _largest_zstd(data) > LARGEST:
        raise _too_large(path)
    try:
        column = pl.read_csv(
            data, has_header=False, schema={"line": pl.String}, separator="\x1f", quote_char=None, infer_schema=False
        ).to_series()
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        reason = str(error).partition("\n")[0][:100]
        raise DataError(f"cannot read {path}: zstd of text in UTF-8 is expected ({reason})") from None
    return "".join(f"{line}\n" for line in column.fill_null("")).encode()


def _largest_zstd(data: bytes) -> int:
    """Return how many bytes zstd frames can become at most: a block is 128 KiB at most (RFC 8878, 3.1.1.2)."""
    total = at = 0
    while data[at : at + 4] == _ZSTD:
        descriptor = data[at + 4] if at + 4 < len(data) else 0
        single = descriptor >> 5 & 1
        at += 5 + (not single) + (0, 1, 2, 4)[descriptor & 3]
        at += (single, 2, 4, 8)[descriptor >> 6]
        last = False
        while not last and at + 3 <= len(data):
            block = int.from_bytes(data[at : at + 3], "little")
            last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
            at += 3 + (1 if kind == 1 else size)
            total += 1 << 17
        at += 4 * (descriptor >> 2 & 1)
    return total


def _too_large(path: str) -> DataError:
    return DataError(f"{path} becomes larger than {LARGEST:,} bytes, the most that is read of a compressed file")
