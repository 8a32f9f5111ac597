"""All peers in one process, in turns: opened, compared with the oracle, and then timed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.peers import agreement
from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step
from edgeseq.reference import Oracle
from edgeseq_export.synthetic import random_walk
from edgeseq_runtime.benchmark import latency
from edgeseq_runtime.benchmark.latency import Case, Timing

POOLS = (64, 512)
"""Streams in one step, beside one stream."""

_SAMPLES = 200
"""In a round of a case that takes one at a time."""

_CALLS = 5
"""In a round of a case that takes many samples: enough for the caches to be as warm as those of a loop."""


@dataclass
class Entry:
    """A peer in the race."""

    peer: Peer
    steps: dict[int, Step] = field(default_factory=dict)
    """By the number of streams, where the engine can and agrees with the oracle."""
    deviations: dict[int, float] = field(default_factory=dict)
    """From the oracle, by the number of streams, where the engine can."""
    notes: dict[int, str] = field(default_factory=dict)
    """Why there is no time for so many streams."""
    times: dict[int, Timing] = field(default_factory=dict)
    """By the number of streams."""


def enter(peers: Sequence[Peer], network: Network, oracle: Oracle, pools: Sequence[int] = POOLS) -> list[Entry]:
    """Open each peer for one stream and for pools, and compare it with the oracle."""
    entries = [Entry(peer) for peer in peers]
    for entry in entries:
        for streams in (1, *pools):
            _open(entry, network, oracle, streams)
            if 1 in entry.notes:
                break  # who cannot take one stream takes no pool
    return entries


def _open(entry: Entry, network: Network, oracle: Oracle, streams: int) -> None:
    peer = entry.peer
    try:
        peer.convert(network, streams)
        step = peer.open(network, streams)
        found = agreement.deviation(oracle, network, peer, step, streams)
    except CannotError as error:
        entry.notes[streams] = str(error)
    except Exception as error:  # noqa: BLE001 - engines' errors have no common base
        entry.notes[streams] = f"{type(error).__name__}: {_first_line(error)}"
    else:
        entry.deviations[streams] = found
        if found <= agreement.LARGEST:
            entry.steps[streams] = step
        else:
            entry.notes[streams] = f"wrong, off by {found:.1e}"


def run(entries: Sequence[Entry], network: Network, rounds: int) -> None:
    """Time all that agree with the oracle."""
    cases = {}
    for entry in entries:
        for streams, step in entry.steps.items():
            block = entry.peer.block
            calls = _CALLS if block * streams > 1 else _SAMPLES
            samples = random_walk(network.spec, calls * block, streams)
            cases[_title(entry, streams)] = Case(step, agreement.items(samples, block), max(streams, block))
    times = latency.interleaved(cases, rounds)
    for entry in entries:
        entry.times = {streams: times[_title(entry, streams)] for streams in entry.steps}


def _title(entry: Entry, streams: int) -> str:
    return f"{entry.peer.name}, {streams}"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:100]
