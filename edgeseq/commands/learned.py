"""What streams have learned on the device, in words; those that run, and those in a state file."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from edgeseq_runtime import file_lock, files
from edgeseq_runtime.printable import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edgeseq_runtime.adaptation.adaptation import Learned
    from edgeseq_runtime.backends.base import Session

_DATABASE = b"SQLite format 3\0"
"""What a state file of many streams begins with."""


def in_words(streams: "Sequence[Learned]") -> str:
    """Return how many samples taught, and which forecasts are adapted ones; empty where nothing learns."""
    if not streams:
        return ""
    count = sum(stream.taught for stream in streams)
    taught = f"learned from {counted(count, 'sample')}"
    if not count:
        return taught
    if len(streams) == 1:
        season = f", a season of {counted(streams[0].season, 'sample')}" if streams[0].season else ""
        return f"{taught}{season}, adapted {_at(adapted_steps(streams[0]))}"
    adapted = sum(bool(stream.open.any()) for stream in streams)
    return f"{taught}, adapted in {adapted} of {len(streams)} streams"


def adapted_steps(stream: "Learned") -> list[int]:
    """Return at which steps ahead, of those that are learned by themselves, adapted forecasts are in use."""
    each = zip(stream.knots, stream.open.T.tolist(), strict=True)
    return [knot for knot, are_open in each if any(are_open)]


def _at(steps: "Sequence[int]") -> str:
    if not steps:
        return "nowhere yet"
    *first, last = map(str, steps)
    return f"{', '.join(first)} and {last} ahead" if first else f"{last} ahead"


def of_state(session: "Session", path: str) -> "Mapping[str, Learned]":
    """Return what the streams in a state file have learned, by name; that of one stream has none.

    Raises `FileError` for what cannot be read or is in use, `SnapshotError` for a state of another model, and
    `UsageError` for a model that cannot adapt.
    """
    from edgeseq_runtime.predictor import Predictor

    with Path(path).open("rb") as file:
        is_database = file.read(len(_DATABASE)) == _DATABASE
    if is_database:
        return _of_database(session, path)
    predictor = Predictor(session, adapt=True)
    predictor.restore(files.read(path))
    return {"": predictor.learned}


def _of_database(session: "Session", path: str) -> "Mapping[str, Learned]":
    """Read a copy: going on from a database may write to it."""
    from edgeseq_runtime.pool import Pool
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.stores import companions

    pool = Pool(session, adapt=True)
    with file_lock.exclusive(path), tempfile.TemporaryDirectory() as folder:
        database = Path(path).resolve()
        for one in (database, companions.log(database), companions.journal(database)):
            if one.is_file():
                shutil.copy(one, folder)
        store = NamedStreams(pool).store(Path(folder, database.name))
        try:
            store.resume(fresh=False)
        finally:
            store.close()
    return {str(name): pool.learned(name) for name in pool.names}
