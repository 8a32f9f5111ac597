"""A stream on whatever machine this runs on: every way to feed a model, and what came out, for tests to compare.

    python stream.py MODEL SAMPLES.npy FORECASTS.npz PROVIDER [NAME=LIBRARY]

Needs nothing but what a device has: edgeseq_runtime, numpy and onnxruntime.
"""

import platform
import sys

import numpy as np

from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.ort import providers


def main(model: str, samples_path: str, forecasts_path: str, provider: str, *libraries: str) -> None:
    """Stream the samples (time,); write forecasts, each (time, horizon, target), under the name of the way."""
    for library in libraries:
        name, _, path = library.partition("=")
        providers.register(name, path)
    samples = np.load(samples_path)
    half = len(samples) // 2
    p = Predictor(model, provider=provider)

    found = {"step": np.stack([p.step(sample) for sample in samples])}
    p.reset()
    found["run"] = p.run(samples)

    p.reset()
    begun = [p.step(sample) for sample in samples[:half]]
    blob = p.snapshot()
    p.step(samples[0])  # what a restored stream must forget
    p.restore(blob)
    found["restored in place"] = np.stack([*begun, *(p.step(sample) for sample in samples[half:])])
    other = Predictor(p.session)
    other.restore(blob)
    found["restored elsewhere"] = np.concatenate([begun, other.run(samples[half:])])

    pool = Pool(p.session)
    neighbours = [pool.step({"this": sample, "other": -sample}) for sample in samples]
    found["pool"] = np.stack([forecasts["this"] for forecasts in neighbours])

    p.reset()
    p.run(samples)
    found["forecast"] = p.forecast(20)
    np.savez(forecasts_path, allow_pickle=False, **found)
    where = {name: sum(operators.values()) for name, operators in p.session.placement.items()}
    print(platform.machine(), p.providers[0], where)


if __name__ == "__main__":
    main(*sys.argv[1:])
