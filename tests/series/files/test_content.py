"""What a file is, by its first bytes: compressed or not, Parquet, and in which encoding its text is."""

import contextlib
import gzip
from pathlib import Path

import polars as pl
import pytest

from edgeseq.series.files import content
from edgeseq.series.files.opening import open_table
from edgeseq_runtime.errors import DataError
from tests.helpers.csv_helpers import csv

TEXT = "time,temp\n2024-01-01,1.5\n2024-01-02,2.5\n"


def cells(path: str) -> list[list[str]]:
    table = open_table(path)
    return [[name, *map(str, table.column(name))] for name in table.names]


PLAIN = [["time", "2024-01-01", "2024-01-02"], ["temp", "1.5", "2.5"]]


@pytest.mark.parametrize("name", ["room.csv.gz", "room.csv", "room"])
def test_gzip_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    assert cells(csv(tmp_path, gzip.compress(TEXT.encode()), name)) == PLAIN


def test_gzip_files_one_behind_the_other_are_one_text(tmp_path: Path) -> None:
    """As logs that are appended to become, and with the zeros that tapes and some loggers put at the end."""
    first, second = TEXT.encode()[:30], TEXT.encode()[30:]
    assert cells(csv(tmp_path, gzip.compress(first) + gzip.compress(second) + bytes(512), "room.gz")) == PLAIN


@pytest.mark.parametrize("name", ["room.csv.zst", "room.csv", "room"])
def test_zstd_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    path = tmp_path / "zstd"
    pl.DataFrame({"time": ["2024-01-01", "2024-01-02"], "temp": [1.5, 2.5]}).write_csv(
        path, compression="zstd", check_extension=False
    )
    assert path.read_bytes().startswith(b"\x28\xb5\x2f\xfd")
    assert cells(csv(tmp_path, path.read_bytes(), name)) == PLAIN


def test_a_compressed_file_may_hold_any_text(tmp_path: Path) -> None:
    text = "Zeit;Größe\r\n2024-01-01;1\r\n".encode("utf-16")
    assert cells(csv(tmp_path, gzip.compress(text))) == [["Zeit", "2024-01-01"], ["Größe", "1"]]


@pytest.mark.parametrize("name", ["room", "room.csv", "room.gz", "room.parquet"])
def test_parquet_is_known_by_its_bytes(tmp_path: Path, name: str) -> None:
    pl.DataFrame({"time": ["2024-01-01", "2024-01-02"], "temp": [1.5, 2.5]}).write_parquet(tmp_path / "file")
    assert cells(csv(tmp_path, (tmp_path / "file").read_bytes(), name)) == PLAIN


def test_what_would_fill_the_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that becomes large, by either compression, and one in many members that each stay small."""
    monkeypatch.setattr(content, "LARGEST", 10**6)
    text = b"v\n" + b"1\n" * 10**6
    zstd = tmp_path / "v.zst"
    pl.DataFrame({"v": ["1"] * 10**6}).write_csv(zstd, compression="zstd", check_extension=False)
    for data in (gzip.compress(text), gzip.compress(text[: 10**5]) * 20, zstd.read_bytes()):
        assert len(data) < 20_000
        with pytest.raises(DataError, match=r"becomes larger than 1,000,000 bytes, the most that is read"):
            open_table(csv(tmp_path, data))


def test_how_large_zstd_becomes_is_known_before_it_is_taken_apart(tmp_path: Path) -> None:
    """The bound of blocks is never below the truth, and no further above it than a block for each frame."""
    for rows in (1, 1_000, 100_000):
        path = tmp_path / f"{rows}.zst"
        pl.DataFrame({"v": range(rows)}).write_csv(path, compression="zstd", check_extension=False)
        plain = len(pl.DataFrame({"v": range(rows)}).write_csv())
        bound = content._largest_zstd(path.read_bytes())
        assert plain <= bound
        assert bound <= 3 * plain + (1 << 17)


@pytest.mark.parametrize("size", [0, 3, 12, 40])
def test_a_compressed_file_that_ends_too_early_is_refused(tmp_path: Path, size: int) -> None:
    data = gzip.compress(TEXT.encode())
    with pytest.raises(DataError, match=r"ends too early|is empty|zero bytes"):
        open_table(csv(tmp_path, data[:size]))


def test_a_damaged_compressed_file_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "zstd"
    pl.DataFrame({"v": range(1000)}).write_csv(path, compression="zstd", check_extension=False)
    for whole in (gzip.compress(TEXT.encode()), path.read_bytes()):
        for place in range(4, len(whole), max(1, len(whole) // 40)):
            damaged = whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]
            with contextlib.suppress(DataError):
                open_table(csv(tmp_path, damaged))


@pytest.mark.parametrize(
    ("beginning", "word"),
    [
        (b"PK\x03\x04", "a zip archive or a spreadsheet"),
        (b"\xfd7zXZ\x00", "compressed with xz"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"SQLite format 3\x00", "a SQLite database"),
    ],
)
def test_what_a_file_is_instead_is_said(tmp_path: Path, beginning: bytes, word: str) -> None:
    with pytest.raises(DataError, match=f"is {word}; save it as CSV or Parquet"):
        open_table(csv(tmp_path, beginning + bytes(range(200))))


@pytest.mark.parametrize(
    ("encoding", "note"),
    [
        ("utf-8", ()),
        ("utf-8-sig", ()),
        ("utf-16", ("text: read as UTF-16",)),
        ("utf-16-le", ("text: read as UTF-16",)),
        ("utf-16-be", ("text: read as UTF-16",)),
        ("cp1252", ("text: read as cp1252, as it is not UTF-8",)),
    ],
)
def test_every_encoding_gives_the_same_names(tmp_path: Path, encoding: str, note: tuple[str, ...]) -> None:
    """With a byte order mark and without one."""
    text = "Zeit;Größe (µm);€\r\n2024-01-01;1;2\r\n2024-01-02;2;3\r\n"
    table = open_table(csv(tmp_path, text.encode(encoding)))
    assert table.names == ("Zeit", "Größe (µm)", "€")
    assert list(table.column("€")) == ["2", "3"]
    assert table.written.notes == note


def test_a_letter_far_down_may_tell_the_encoding(tmp_path: Path) -> None:
    """The first 64 KiB of a file may be ASCII alone."""
    rows = "".join(f"{row},x\n" for row in range(20_000))
    table = open_table(csv(tmp_path, f"v,note\n{rows}0,Tür\n".encode("cp1252")))
    assert table.column("note")[-1] == "Tür"
    assert table.written.notes == ("text: read as cp1252, as it is not UTF-8",)


def test_zero_bytes_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not text: it holds zero bytes"):
        open_table(csv(tmp_path, b"v\n1\n\0\n"))
