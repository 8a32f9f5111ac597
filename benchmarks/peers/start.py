"""What a start of each peer costs: seconds from a fresh process to its first forecast, and the memory held then.

`python -m benchmarks.peers.start MODULE FUNCTION FOLDER BLOCK` is that process.
"""

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer
from edgeseq_runtime.benchmark.cold_start import Start

_ROOT = Path(__file__).parents[2]


def measure(peers: Sequence[Peer], network: Network, rounds: int) -> dict[str, Start]:
    """Start processes in turns; return the least of each, by the peer's name. Each has been opened here before."""
    found: dict[str, list[Start]] = {peer.name: [] for peer in peers}
    for _ in range(rounds):
        for peer in peers:
            found[peer.name].append(_start(peer, network))
    return {
        name: Start(min(start.seconds for start in starts), min(start.megabytes for start in starts))
        for name, starts in found.items()
    }


def _start(peer: Peer, network: Network) -> Start:
    words = [peer.open.__module__, peer.open.__qualname__, str(network.folder), str(peer.block)]
    begin = time.time()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.peers.start", *words], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    end, resident = done.stdout.split()[-2:]
    return Start(float(end) - begin, float(resident) / 1e6)


def main(module: str, function: str, folder: str, block: str) -> None:
    """Open a peer, make one forecast, and print the time and the bytes in memory."""
    step = getattr(importlib.import_module(module), function)(Network(Path(folder)), 1)
    step(0.1 if block == "1" else [0.1])
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    print(time.time(), resident)


if __name__ == "__main__":
    main(*sys.argv[1:])
