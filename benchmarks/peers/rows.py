"""The race as rows of a table."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from benchmarks import install_size
from benchmarks.peers.peer import Peer
from benchmarks.peers.race import POOLS, Entry
from benchmarks.peers.registry import BASE
from edgeseq_runtime.benchmark.cold_start import Start


def table(entries: Sequence[Entry], starts: dict[str, Start]) -> list[dict[str, Any]]:
    """Return a row for each peer; what could not be measured is None."""
    base = next(entry.times[1].minimum for entry in entries if entry.peer is BASE)
    return [_row(entry, base, starts.get(entry.peer.name)) for entry in entries]


def _row(entry: Entry, base: float, begun: Start | None) -> dict[str, Any]:
    one = entry.times.get(1)
    version, size = _installed(entry.peer)
    return {
        "engine": entry.peer.name,
        "minimum": one and one.minimum,
        "median": one and one.p50,
        "ratio": one and one.minimum / base,
        **{f"{streams} streams": _minimum(entry, streams) for streams in POOLS},
        "start, s": begun and begun.seconds,
        "resident, MB": begun and round(begun.megabytes),
        "installed, MB": size,
        "deviation": max(entry.deviations.values(), default=None),
        "version": version,
        "note": _note(entry.notes),
    }


def _note(notes: Mapping[int, str]) -> str:
    """Return each reason once, with the numbers of streams that it is for."""
    sizes: dict[str, list[str]] = {}
    for streams, reason in notes.items():
        sizes.setdefault(reason, []).append(str(streams))
    return "; ".join(f"{reason} ({', '.join(found)})" for reason, found in sizes.items())


def _installed(peer: Peer) -> tuple[str | None, int | None]:
    """Return the version and the megabytes, where the engine is installed."""
    try:
        return version(peer.packages[0]), round(install_size.megabytes(*peer.packages))
    except PackageNotFoundError:
        return None, None


def _minimum(entry: Entry, streams: int) -> float | None:
    return entry.times[streams].minimum if streams in entry.times else None
