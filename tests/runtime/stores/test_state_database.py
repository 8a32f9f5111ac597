"""Many streams in a database: what is saved is there again, only what has changed is written, and damage is named."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq_runtime.errors import FileError, SnapshotError
from edgeseq_runtime.stores import companions, connection
from edgeseq_runtime.stores.base import StreamRow
from edgeseq_runtime.stores.state_database import StateDatabase
from tests.helpers.states import contained
from tests.runtime.stores.memory_streams import MemoryStreams, resumed, saved, snapshot

FILES = ("", "-wal")
"""What a database is made of, by what is added to its name."""


@pytest.fixture(params=[True, False], ids=["log", "journal"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a log, and with a journal as where SQLite has no logs."""
    monkeypatch.setattr(connection, "WITH_LOG", request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state"


def filled(path: Path, count: int = 12, saves: int = 3, *, killed: bool = False) -> MemoryStreams:
    """Streams after several saves, each of half of them; one has a name longer than a page.

    `killed` leaves the files as they are before the database is closed.
    """
    streams, store, _ = resumed(path)
    choose = np.random.default_rng(1)
    for number in range(saves):
        for at in range(count):
            if not number or choose.random() < 0.5:
                name = f"stream-{at}" + "x" * 6000 * (at == 3)
                samples = streams.rows[name].samples + 1 if name in streams.rows else 1
                streams.put(name, samples, snapshot(name, samples), [f"{number}:{at:012x}"])
        store.save()
    if killed:
        copies = {part: Path(f"{path}{part}").read_bytes() for part in FILES}
        store.close()
        for part, content in copies.items():
            Path(f"{path}{part}").write_bytes(content)
    store.close()
    return streams


# Saving and going on


@pytest.mark.usefixtures("either_way")
def test_what_is_saved_is_there_again(path: Path) -> None:
    """Name, samples, snapshot and marks of each, from one process to the next; no file is left beside it."""
    wanted = filled(path)
    for number in range(3):
        streams, store, said = resumed(path)
        assert (streams.rows, said) == (wanted.rows, [f"resumed {len(wanted.rows)} streams"])
        for name in ("stream-1", f"new-{number}"):
            streams.put(name, 10 + number, snapshot(name, 10 + number))
        store.save()
        store.close()
        assert os.listdir(path.parent) == ["state"]
        wanted = streams


@given(st.text(max_size=40), st.integers(0, 2**62), st.binary(min_size=1, max_size=9000), st.lists(st.text(max_size=9)))
def test_any_stream_comes_back(
    tmp_path_factory: pytest.TempPathFactory, name: str, samples: int, content: bytes, marks: list[str]
) -> None:
    path = tmp_path_factory.mktemp("state") / "s"
    streams, store, _ = resumed(path)
    streams.put(name, samples, content, marks)
    store.save()
    store.close()
    again, store, _ = resumed(path)
    store.close()
    assert again.rows == streams.rows


@pytest.mark.usefixtures("either_way")
def test_a_save_writes_only_what_has_changed(path: Path) -> None:
    filled(path, saves=1)
    streams, store, _ = resumed(path)
    streams.put("stream-5", 2, snapshot("stream-5", 2))
    store.save()
    store.save()  # nothing has
    store.close()
    with sqlite3.connect(path) as database:
        for table in ("streams", "listing"):
            saves = dict(database.execute(f"SELECT name, save FROM {table}").fetchall())  # noqa: S608 - of ours
            newest = saves.pop(b"stream-5")
            assert {newest - save for save in saves.values()} == {newest - min(saves.values())}
            assert newest > max(saves.values())
    database.close()


def test_marks_change_without_a_sample(path: Path) -> None:
    """As when a broker begins a new session: the snapshot stays the one that is saved."""
    filled(path)
    streams, store, _ = resumed(path)
    wanted = {name: replace(row, marks=("new",)) for name, row in streams.rows.items()}
    streams.pending = {name: replace(row, snapshot=None) for name, row in wanted.items()}
    store.save()
    store.close()
    again, store, _ = resumed(path)
    store.close()
    assert again.rows == wanted


def test_the_file_is_made_by_the_first_save_that_has_something(path: Path) -> None:
    streams, store, said = resumed(path)
    store.save()
    assert (said, path.exists()) == ([], False)
    streams.put("a", 1, b"x")
    store.save()
    assert path.exists()
    store.close()


def test_a_file_that_somebody_removes_or_moves_is_made_again_with_all_streams(path: Path) -> None:
    """Also those that have not changed since."""
    wanted = filled(path)
    streams, store, _ = resumed(path)
    ways: list[Callable[[], object]] = [path.unlink, lambda: path.replace(path.with_name("moved"))]
    for number, take_away in enumerate(ways):
        streams.put("stream-1", 50 + number, b"new")
        store.save()
        take_away()
        streams.put("stream-2", 50 + number, b"new")
        store.save()
        again = MemoryStreams()
        copy = path.with_name("copy")
        shutil.copyfile(path, copy)
        copied = StateDatabase(copy, again)
        copied.resume(fresh=False)
        copied.close()
        assert again.rows == wanted.rows | streams.rows
    store.close()


def test_a_folder_that_is_away_for_a_while_loses_nothing(path: Path) -> None:
    """Nor does one whose file was removed, while there is no room for another one."""
    path = path.parent / "folder" / "state"
    path.parent.mkdir()
    wanted = filled(path).rows
    away = path.parent.with_name("away")
    streams, store, _ = resumed(path)
    for number, removed in enumerate((False, True)):
        path.parent.rename(away)
        if removed:
            (away / "state").unlink()
        streams.put("stream-1", 50 + number, b"new")
        for _ in range(2):
            with pytest.raises(FileError, match="No such file"):
                store.save()
        away.rename(path.parent)
        store.save()
    store.close()
    assert saved(path) == wanted | streams.rows
    assert streams.rows.keys() == wanted.keys()


def test_a_copy_that_shares_the_file_stays_as_it_is(path: Path) -> None:
    """`cp -al` of yesterday: the file is changed in place, its other names would change with it."""
    wanted, copy = filled(path), path.with_name("copy")
    os.link(path, copy)
    streams, store, _ = resumed(path)
    streams.put("stream-1", 50, b"new")
    store.save()
    store.close()
    yesterday, store, _ = resumed(copy)
    store.close()
    assert yesterday.rows == wanted.rows
    assert saved(path) == streams.rows


def test_a_state_of_another_model_is_refused_and_stays(path: Path) -> None:
    filled(path)
    before = path.read_bytes()
    with pytest.raises(SnapshotError, match="belongs to another model file"):
        resumed(path, digest=bytes(32))
    assert path.read_bytes() == before


def test_with_fresh_the_first_save_replaces_what_was_there(path: Path) -> None:
    """Also where a kill has left a log, which belongs to the old file."""
    filled(path, killed=True)
    streams, store, said = resumed(path, fresh=True)
    assert said == []
    streams.put("new", 1, b"x")
    store.save()
    store.close()
    assert saved(path) == streams.rows
    assert os.listdir(path.parent) == ["state"]


def test_a_kill_between_file_and_log_mixes_no_two_databases(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new database is in place, the log beside it is still that of the old one."""
    wanted = filled(path, killed=True)
    log = bytearray(Path(f"{path}-wal").read_bytes())
    log[20] ^= 1  # so that it is made anew
    Path(f"{path}-wal").write_bytes(log)
    monkeypatch.setattr(companions, "remove_superseded", lambda _: None)
    streams, store, _ = resumed(path)
    assert Path(f"{path}-wal").read_bytes() == log
    monkeypatch.undo()
    again, store, said = resumed(path)
    store.close()
    assert (again.rows, said) == (wanted.rows, ["resumed 12 streams"])
    assert streams.rows == wanted.rows


# Kills


def stream_and_die(state: Path, count: int, most: float, seed: int) -> dict[str, int]:
    """Kill a process that saves, at a random moment; return the samples that it has reported as saved."""
    command = [sys.executable, "-m", "tests.runtime.stores.save_for_ever", str(state), str(count), str(seed)]
    said, wanted = state.with_name("said"), 1 if state.exists() else 2  # lines, the second of them of all streams
    with said.open("wb") as file, subprocess.Popen(command, stdout=file, cwd=Path(__file__).parents[3]) as process:
        deadline = time.monotonic() + 120
        while said.read_bytes().count(b"\n") < wanted:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(np.random.default_rng(seed).uniform(0, most))
        process.kill()
    lines = said.read_text().splitlines(keepends=True)[1:]
    whole = (line.split() for line in lines if line.endswith("\n"))
    return {name: int(samples) for words in whole for name, samples in (word.split("=") for word in words)}


@pytest.mark.parametrize(
    ("count", "kills", "most"), [(40, 8, 0.2), pytest.param(20_000, 12, 1.0, marks=pytest.mark.slow)]
)
def test_no_kill_loses_what_was_saved(path: Path, count: int, kills: int, most: float) -> None:
    """At random moments: each stream has all samples of the last save reported, and its snapshot is of just those.

    A kill between SQLite's two writes of a page looks like damage, and is said, though nothing is lost.
    """
    reported = dict[str, int]()
    for seed in range(kills):
        reported |= stream_and_die(path, count, most, seed)
        streams, store, said = resumed(path)
        assert len(said) <= 1 or "was damaged; " in said[1], said
        for name, samples in reported.items():
            assert streams.rows[name].samples >= samples
        for name, row in streams.rows.items():
            assert row.snapshot == snapshot(name, row.samples, 64)
        store.close()
    assert len(reported) == count


# Files of version 0.1


def test_a_container_becomes_a_database_once(path: Path) -> None:
    rows = [StreamRow(f"s-{at}", at, snapshot("s", at), ("a", "b")) for at in range(5)]
    path.write_bytes(contained(rows))
    path.chmod(0o640)
    streams, store, said = resumed(path)
    store.close()
    assert list(streams.rows.values()) == rows
    assert said == ["resumed 5 streams", f"{path} is a database now, where version 0.1 had a container"]
    assert path.stat().st_mode & 0o777 == 0o640
    again, store, said = resumed(path)
    store.close()
    assert (again.rows, said, os.listdir(path.parent)) == (streams.rows, ["resumed 5 streams"], ["state"])


def test_a_container_stays_until_the_database_is_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no room for it, the streams go on, and it is made with the first save that can."""
    rows = [StreamRow(f"s-{at}", at, snapshot("s", at), ()) for at in range(5)]
    path.write_bytes(contained(rows))

    def refuse(_: Path) -> None:
        raise FileError("cannot write state: No space left on device")

    monkeypatch.setattr(connection, "new", refuse)
    streams, store, said = resumed(path)
    assert "No space left on device; that is tried again when the state is saved" in said[1]
    streams.put("s-1", 9, b"new")
    with pytest.raises(FileError):
        store.save()
    assert path.read_bytes() == contained(rows)
    monkeypatch.undo()
    store.save()
    store.close()
    assert saved(path) == streams.rows


# Damage


@pytest.mark.parametrize(("count", "step"), [(12, 499), pytest.param(5, 7, marks=pytest.mark.slow)])
@pytest.mark.parametrize("part", FILES)
def test_a_flipped_byte_costs_no_more_than_the_stream_it_hits_by_name(
    path: Path, part: str, count: int, step: int
) -> None:
    """Wherever it lies: in rows, in the pages that lead to them, in headers, in the log that a kill has left."""
    wanted = filled(path, count, killed=part != "").rows
    whole = {name: Path(f"{path}{name}").read_bytes() for name in FILES if Path(f"{path}{name}").exists()}
    damaged = path.with_name("damaged") / "state"
    choose = np.random.default_rng(1)
    for at in range(0, len(whole[part]), step):
        shutil.rmtree(damaged.parent, ignore_errors=True)
        damaged.parent.mkdir()
        for name, content in whole.items():
            flipped = bytearray(content)
            if name == part:
                flipped[at] ^= int(choose.integers(1, 256))
            Path(f"{damaged}{name}").write_bytes(flipped)
        streams, store, said = resumed(damaged)
        hit = [name for name, row in wanted.items() if streams.rows.get(name) != row]
        assert len(hit) <= 1, at
        assert streams.rows.keys() <= wanted.keys(), at
        assert len(said) == 1 or f"{damaged} was damaged; " in said[1], at
        assert all(name[:50] in said[1] for name in hit), at
        if at % 16 == 0 or step > 99:
            streams.put("stream-1", 99, b"new")
            store.save()
            store.close()
            assert saved(damaged) == streams.rows, at
        store.close()


def test_what_was_damaged_is_kept(path: Path) -> None:
    """A second one too is said, and does not take the first one's place."""
    earlier = f"{path}.damaged, an earlier one, stays; this one is not kept"
    kept = list[bytes]()
    for where in (f"the damaged file is kept as {path}.damaged", earlier):
        row = filled(path).rows["stream-1"]
        content = bytearray(path.read_bytes())
        content[content.index(row.snapshot or b"") + 5] ^= 255
        path.write_bytes(content)
        kept.append(bytes(content))
        _, store, said = resumed(path)
        store.close()
        assert said[1] == f"{path} was damaged; lost, and beginning anew: 'stream-1'; {where}"
        assert path.with_name("state.damaged").read_bytes() == kept[0]
        path.unlink()


def test_a_file_cut_short_keeps_what_it_has(path: Path) -> None:
    """As a copy that was interrupted; whichever rows are whole go on."""
    wanted = filled(path).rows
    content = path.read_bytes()
    for length in range(4096, len(content), 4096):
        path.write_bytes(content[:length])
        try:
            streams, store, said = resumed(path)
        except SnapshotError:
            continue
        store.close()
        assert streams.rows.items() <= wanted.items()
        missing = wanted.keys() - streams.rows.keys()
        assert not missing or "was damaged" in said[1]
        Path(f"{path}.damaged").unlink(missing_ok=True)
    assert len(streams.rows) > 1


NOT_OURS = {
    "nothing": b"",
    "text": b"time,temp\n1,2\n" * 500,
    "zeros": bytes(20_000),
    "a snapshot": b"edgeseq-snapshot-1\n" + bytes(200),
    "a header alone": b"SQLite format 3\0" + bytes(84),
}


@pytest.mark.parametrize("kind", [*NOT_OURS, "somebody's database"])
def test_what_is_no_state_is_refused_and_untouched(path: Path, kind: str) -> None:
    """Then only --fresh goes on; what is not known to be ours is kept beside it."""
    if kind in NOT_OURS:
        path.write_bytes(NOT_OURS[kind])
    else:
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE bookmarks(address TEXT)")
            database.execute("INSERT INTO bookmarks VALUES ('https://example.org')")
        database.close()
    before = path.read_bytes()
    with pytest.raises(SnapshotError):
        resumed(path)
    assert (path.read_bytes(), os.listdir(path.parent)) == (before, ["state"])
    streams, store, said = resumed(path, fresh=True)
    streams.put("a", 1, b"x")
    store.save()
    store.close()
    assert saved(path) == streams.rows
    if kind != "a snapshot":
        assert said == [f"{path} cannot be read as a state of many streams; the damaged file is kept as {path}.damaged"]
        assert path.with_name("state.damaged").read_bytes() == before
