"""What a user would write around `Predictor.step`: `python -m benchmarks.speed.plain_loop MODEL PROVIDER [WORDS]`.

Lines of stdin are bare numbers, with the word `timed` times and numbers below a header; with the word `live` each
answer is flushed.
"""

import json
import sys

from edgeseq_runtime import Predictor


def main(model: str, provider: str, *words: str) -> None:
    """Write a line of JSON for each line."""
    timed, live = "timed" in words, "live" in words
    p = Predictor(model, provider=provider)
    if timed:
        next(sys.stdin)
    for number, line in enumerate(sys.stdin):
        time, cell = line.rstrip("\n").split(",") if timed else (number, line)
        forecast = p.step(float(cell), time) if timed else p.step(float(cell))
        numbers = [float(str(value)) for value in forecast[:, 0]]
        print(json.dumps({"t": time, "forecast": numbers, "status": p.status, "warm": p.warm}), flush=live)


if __name__ == "__main__":
    main(*sys.argv[1:])
