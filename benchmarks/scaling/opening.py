"""A model file or a library of its C, opened for one stream or for pools of many."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.model_file.library_file import NATIVE


def provider(model: Path) -> str:
    """Return what streams a file: onnxruntime on the CPU, or the library itself."""
    return NATIVE if model.suffix == ".so" else "cpu"


def opened(model: Path, streams: int, pools: int) -> Callable[[Any], object]:
    """Return what takes a sample of every stream, (stream,), the same for each pool; 0 streams: that of a predictor."""
    if not streams:
        return Predictor(model, provider=provider(model)).step
    every = opened_pools(model, streams, pools)
    if pools == 1:
        return every[0].step_array

    def step(samples: Any) -> None:
        for pool in every:
            pool.step_array(samples)

    return step


def opened_pools(model: Path, streams: int, pools: int) -> list[Pool]:
    """Return pools of so many streams each, which share a session; a stream is called by its number."""
    first = Pool(model, provider=provider(model))
    every = [first, *(Pool(first.session) for _ in range(1, pools))]
    for number, pool in enumerate(every):
        for stream in range(number * streams, (number + 1) * streams):
            pool.add(stream)
    return every
