"""edgeseq beside other engines: the same network and stream, one thread, in turns in one process.

    python -m benchmarks.peers [--rounds N] [--starts N] [--only NAME...] [--json FILE] [--plot FILE.png]

Each engine's forecasts are first compared with the oracle's; one that is wrong is not timed. The default network, 2 x
30, with random weights, on which no time depends.
"""

import os

# Read by the engines' libraries when they are loaded.
os.environ |= {
    "ORT_DISABLE_TELEMETRY": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.common import arguments, publish
from benchmarks.peers import plot, race, rows, start, writing
from benchmarks.peers.peer import Peer
from benchmarks.peers.race import Entry
from benchmarks.peers.registry import BASE, PEERS
from edgeseq.reference import Oracle
from edgeseq.testing import make_checkpoint
from edgeseq_runtime.benchmark.cold_start import Start


def main(words: list[str] | None = None) -> None:
    """Print one row for each peer."""
    parser = arguments("Compare engines on one streaming task.")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of all peers, in turns (20)")
    parser.add_argument("--starts", type=int, default=3, help="fresh processes of each (3)")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="peers whose names contain one of these")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the times of one stream, as PNG")
    options = parser.parse_args(words)
    peers = [peer for peer in PEERS if peer is BASE or _is_wanted(peer, options.only)]
    entries, starts = measure(peers, options.rounds, options.starts)
    publish(
        "One thread; times are microseconds a sample over interleaved rounds", rows.table(entries, starts), options.json
    )
    if options.plot:
        plot.draw({entry.peer.name: entry.times[1].minimum for entry in entries if 1 in entry.times}, options.plot)


def measure(peers: Sequence[Peer], rounds: int, starts: int) -> tuple[list[Entry], dict[str, Start]]:
    """Compare and time the peers that are installed; return all of them, and their starts by name."""
    checkpoint = make_checkpoint(hidden=30)
    with tempfile.TemporaryDirectory() as folder, _noise_on_stderr():
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        network = writing.write(checkpoint, Path(folder))
        entries = race.enter(peers, network, Oracle(network.spec, checkpoint.weights))
        race.run(entries, network, rounds)
        return entries, start.measure([entry.peer for entry in entries if 1 in entry.steps], network, starts)


@contextmanager
def _noise_on_stderr() -> Iterator[None]:
    """Let what the engines' libraries print not stand among the results."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _is_wanted(peer: Peer, names: list[str] | None) -> bool:
    return not names or any(name.lower() in peer.name.lower() for name in names)


if __name__ == "__main__":
    main()
