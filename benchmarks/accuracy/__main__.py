"""How good the forecasts are: trains, exports, streams, and prints the accuracy figures of docs/benchmarks.md.

    python -m benchmarks.accuracy [--etth1 FILE] [--seeds N] [--only PART] [--json FILE]

The sine and CO2 need nothing; ETTh1 may not be copied into the project, so its file must be named. All of it takes some
ten minutes; each part goes to stderr as it finishes.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks.accuracy import generalisation, long, series, sine
from benchmarks.accuracy.rows import Row
from benchmarks.accuracy.training import Settings
from benchmarks.common import arguments, publish, text

PARTS: Mapping[str, Callable[[Settings], Iterator[Row]]] = {
    "sine": sine.default,
    "classic": sine.classic,
    "generalisation": generalisation.measure,
    "co2": series.co2,
    "etth1": series.etth1,
    "long": long.measure,
}


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = arguments("Measure the accuracy of the defaults, each figure through the exported file, streamed.")
    parser.add_argument("--etth1", type=Path, metavar="FILE", help="ETTh1.csv of the ETT collection")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 0 to N - 1 (5)")
    parser.add_argument("--only", choices=PARTS, metavar="PART", help=f"one part: {', '.join(PARTS)}")
    parser.add_argument("--steps", type=int, help="training steps, for a quick try")
    parser.add_argument("--hidden", type=int, default=30, help="units in a layer (30)")
    parser.add_argument("--further", type=int, default=1_000_000, metavar="N", help="samples of drift (1,000,000)")
    parser.add_argument("--long", type=int, default=5_000_000, metavar="N", help="of the long series (5,000,000)")
    options = parser.parse_args(words)
    if options.seeds < 1:
        parser.error(f"--seeds is {options.seeds}, must be at least 1")
    if options.only == "etth1" and not options.etth1:
        parser.error("the part etth1 needs --etth1 FILE")
    settings = Settings(options.seeds, options.steps, options.hidden, options.further, options.etth1, options.long)
    rows = []
    for part in [options.only] if options.only else PARTS:
        if part == "etth1" and not settings.etth1:
            print("etth1: skipped, its file is not given: --etth1 FILE", file=sys.stderr)
            continue
        found = [row.to_dict() for row in PARTS[part](settings)]
        print(f"\n{text(found)}", file=sys.stderr, flush=True)
        rows += found
    publish(f"Test parts, through the exported files, seeds 0 to {settings.seeds - 1}", rows, options.json)


if __name__ == "__main__":
    main()
