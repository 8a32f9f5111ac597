"""Who keeps how many bytes of a stream of the starter, with adaptation, intervals and anomalies, by horizon.

python -m benchmarks.starter.state [--json FILE]
"""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from typing import TYPE_CHECKING, Any

import edgeseq_export
from benchmarks.common import arguments, publish
from edgeseq_runtime import Pool
from edgeseq_runtime.adaptation.seasonal.adaptation import SeasonalAdaptation

if TYPE_CHECKING:
    from edgeseq_runtime.streaming.row_arrays import RowArrays

HORIZONS = (1, 12, 24, 48)


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    options = arguments("Measure what a stream of the starter keeps.").parse_args(words)
    publish("Bytes of a stream in the arrays of a pool, by horizon", table(), options.json)


def table() -> list[dict[str, Any]]:
    """Return a row for each who keeps something, and for what, with the bytes for each horizon; last the sums."""
    found = {horizon: kept(horizon) for horizon in HORIZONS}
    rows: list[dict[str, Any]] = [
        {"kept by": who, "what": what, **{str(horizon): of.get((who, what), 0) for horizon, of in found.items()}}
        for who, what in found[max(HORIZONS)]
    ]
    return [*rows, {"kept by": "all", "what": "", **{str(horizon): sum(of.values()) for horizon, of in found.items()}}]


def kept(horizon: int) -> dict[tuple[str, str], int]:
    """Return the bytes that are kept of a stream so many steps ahead, by who keeps what."""
    pool = Pool(edgeseq_export.starter(horizon=horizon).content, provider="cpu", adapt=True, anomalies=1e-4)
    pool.add("stream")
    judgement = pool._judgement  # noqa: SLF001 - there is no other way to what it keeps
    monitor, adaptation, anomalies = judgement.monitor, judgement.adaptation, judgement.anomalies
    assert monitor
    assert isinstance(adaptation, SeasonalAdaptation)
    assert anomalies
    engine, words = judgement.engine, {"adaptation": adaptation.layout.parts, "anomalies": anomalies.layout.of_target}
    found = {("network", name): engine.by_row(name)[0].nbytes for name in engine.names}
    found |= {("network", "sample"): engine.x[0].nbytes, ("network", "forecast"): engine.y[0].nbytes}
    found["intervals and drift", "waiting"] = monitor.said[0].nbytes
    for who, named in words.items():
        found |= {(who, name): 4 * part.size for name, part in named.items() if part.size > 1}
    parts: dict[str, list[RowArrays]] = {"intervals and drift": [monitor]}
    parts |= {"adaptation": [adaptation], "anomalies": [anomalies]}
    parts["rules, times, counts"] = [part for part in judgement.parts if [part] not in parts.values()]
    for who, those in parts.items():
        size = sum(array[0].nbytes for part in those for array in part.row_arrays())
        found[who, "all else"] = size - sum(of for (whose, _), of in found.items() if whose == who)
    return found


if __name__ == "__main__":
    main()
