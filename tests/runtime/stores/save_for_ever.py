"""A process that saves streams until it is killed: each line names what a save that has returned has saved."""

import sys
from pathlib import Path

import numpy as np

from tests.runtime.stores.memory_streams import resumed, snapshot

_AT_ONCE = 100


def main(state: Path, count: int, seed: int) -> None:
    """Give some streams a sample each, save them, say so, and so on."""
    streams, store, _ = resumed(state)
    print("begun", flush=True)
    choose = np.random.default_rng(seed)
    names = [f"stream-{at}" for at in range(count)]
    some = names if len(streams.rows) < count else []
    while True:
        for name in some:
            samples = streams.rows[name].samples + 1 if name in streams.rows else 1
            streams.put(name, samples, snapshot(name, samples, 64))
        store.save()
        print(*(f"{name}={streams.rows[name].samples}" for name in some), flush=True)
        some = [names[at] for at in choose.permutation(count)[:_AT_ONCE]]


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
