"""How time and memory grow: what the benchmark of scaling computes from its curves, by hand."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import benchmarks.scaling.__main__ as scaling
from benchmarks.scaling import axes, judged, knee_points, machine, opening, sizing
from benchmarks.scaling.axes import Case, Point
from benchmarks.scaling.curves import Measured
from benchmarks.scaling.networks import Network
from edgeseq_runtime.backends.native.build import can_build


def measured(axis: str, case: Case, times: dict[int, float], grown: dict[int, int] | None = None) -> list[Measured]:
    """A curve with these minima, medians twice as long, and this memory."""
    return [Measured(Point(axis, at, case), us, 2 * us, (grown or {}).get(at, 0)) for at, us in times.items()]


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_what_a_judged_stream_takes_by_hand() -> None:
    """h and c of two layers of 30, the last sample and a flag, a sample and a forecast: 4 (4 30 + 2 + 1 + horizon).

    Forecasts that wait take 4 (1 + 2 + ... + horizon), so judgement takes at least that more at 24 steps.
    """
    one, day = judged.table(200)
    assert [int(row["states, sample and forecast"]) for row in (one, day)] == [496, 588]
    kept = [int(row["judgement, bytes a stream"].replace(",", "")) for row in (one, day)]
    assert kept[1] - kept[0] >= 4 * (24 * 25 // 2 - 1)


def test_a_fleet_by_hand() -> None:
    """1,000,000 samples of 6 us are 6 s: a tenth of a core where there is a minute, 6 cores where there is a second.

    A process may need half a core, so 6 cores' work takes 12. Pools of 1,000 take at most 1.25 times the least, and are
    smaller; 100,000 streams took 50 MB more than the first one, which are 500 bytes each.
    """
    parted = measured("pool size", axes.MANY, {100: 9.0, 1000: 6.0, 10_000: 5.0}, {1000: 2_000_000 + 500 * 99_999})
    (alone,) = measured("streams", axes.MANY, {1: 20.0}, {1: 2_000_000})
    (among,) = measured("streams", axes.AMONG, {100_000: 30.0})
    found = sizing.costs("cpu", parted, alone, among, imports=50_000_000)
    assert found == sizing.Costs("cpu", 1000, 6.0, 30.0, 52_000_000, 500.0)
    minute, second = sizing.Fleet(1_000_000, 60.0), sizing.Fleet(1_000_000, 1.0)
    assert sizing.Need(minute, found, found.gathered).cores == pytest.approx(0.1)
    assert sizing.Need(minute, found, found.gathered).processes == 1
    assert sizing.Need(second, found, found.gathered).processes == 12
    assert sizing.Need(second, found, found.gathered).resident == 12 * 52e6 + 500e6
    rows = list(sizing.needs([minute, second], [found]))
    assert [row["processes"] for row in rows] == [1, 1, 12, 60]
    assert [row["resident, MB"] for row in rows] == [552, 552, 1124, 3620]


def test_the_knee_points_of_a_pool_by_hand() -> None:
    """A call of 20 us, a sample of 2: at ten streams both cost as much. 2.3 is 1.15 times the least, 2.4 is worse."""
    curve = measured("streams", axes.MANY, {1: 22.0, 10: 4.0, 100: 2.0, 1000: 2.3, 10_000: 2.4, 100_000: 3.0})
    assert knee_points.half_overhead(curve) == 10
    worse = knee_points.worse_from(curve)
    assert worse is not None
    assert worse.point.value == 10_000
    assert knee_points.worse_from(curve[:4]) is None
    (line,) = knee_points.describe(curve, {})
    assert line == (
        "streams, Pool.step_array: 22.0 us for one, half of it the call's up to 10, least at 100 with 2.00 us, "
        "worse again from 10000 on"
    )


def test_where_a_network_outgrows_a_cache_by_hand() -> None:
    """Weights are read at 10,000 bytes a microsecond within the cache, at 2,500 beyond, whatever a call costs."""
    sizes = {hidden: Network(hidden=hidden).weight_bytes for hidden in (32, 64, 128, 256)}
    assert sizes[64] == 4 * (4 * 64 * (2 + 64 + 2) + 4 * 64 * (64 + 64 + 2) + 64 + 1)
    times = {32: 10 + sizes[32] / 10_000, 64: 10 + sizes[64] / 10_000, 128: 10 + sizes[128] / 10_000}
    times[256] = times[128] + (sizes[256] - sizes[128]) / 2_500
    near, far = knee_points.read_rates(measured("hidden", axes.ONE, times), cache=1_000_000 * 3 // 2)
    assert (near, far) == pytest.approx((10_000, 2_500))


def test_up_to_where_native_pays_by_hand() -> None:
    """At 64 it is as fast, at 128 slower; that it would be faster again does not count."""
    native = measured("hidden", axes.MANY_NATIVE, {8: 1.0, 64: 2.0, 128: 4.0, 256: 5.0})
    cpu = measured("hidden", axes.MANY, {8: 2.0, 64: 2.0, 128: 3.0, 256: 6.0})
    assert knee_points.pays_up_to(native, cpu) == 64
    assert knee_points.pays_up_to([], cpu) is None
    assert list(knee_points.describe(native + cpu, {}))[-1].endswith("native: no slower than Pool.step_array up to 64")


def test_each_layer_costs_by_hand() -> None:
    """From 5 us with one layer to 26 with eight: 3 for each."""
    assert knee_points.slope(measured("layers", axes.ONE, {1: 5.0, 2: 9.0, 8: 26.0})) == 3


def test_the_caches_are_read_as_linux_lists_them(tmp_path: Path) -> None:
    """Those for instructions hold no weights."""
    for number, (level, kind, size) in enumerate(
        [(1, "Data", "48K"), (1, "Instruction", "32K"), (2, "Unified", "2048K")]
    ):
        folder = tmp_path / f"index{number}"
        folder.mkdir()
        for name, value in {"level": level, "type": kind, "size": size}.items():
            (folder / name).write_text(f"{value}\n")
    assert machine.caches(tmp_path) == {1: 48 * 1024, 2: 2 << 20}
    assert str(machine.Machine("one", 2, machine.caches(tmp_path))) == "one, 2 cores, L1 48 KiB, L2 2 MiB"
    assert machine.processor("x: 1\nmodel name\t: A chip\n") == "A chip"


def test_the_table_the_knee_points_the_fleet_and_the_picture_come_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every case on short axes; pools that take turns give what one pool does, so states are not mixed up."""
    monkeypatch.setattr(axes, "FLEET", 8)
    monkeypatch.setattr(axes, "POOLED", 3)
    monkeypatch.setattr(axes, "VALUES", {"streams": (8,), "pool size": (4,), "hidden": (4,)})
    monkeypatch.setattr(sizing, "FLEETS", (sizing.Fleet(8, 1.0),))
    scaling.main(["--rounds", "1", "--json", str(tmp_path / "rows.json"), "--plot", str(tmp_path / "curves.png")])
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    told = capsys.readouterr()
    compiles = can_build()
    assert len(rows) == (11 if compiles else 6)
    assert min(row["minimum, us"] for row in rows) > 0
    assert {row["states, kB"] for row in rows if row["along"] == "pool size 4"} == {8 * 0.48}
    assert ("native, tried in one process: 2 pools of 4" in told.out) == compiles
    assert ("no C compiler" in told.err) != compiles
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_without_a_compiler_the_rows_of_native_are_left_out() -> None:
    every = list(axes.points(axes.VALUES, native=True))
    without = list(axes.points(axes.VALUES, native=False))
    assert [point for point in every if point.case.file != "native"] == without
    assert len({str(point) for point in every}) == len(every)


def test_pools_that_take_turns_forecast_as_one_does(tmp_path: Path) -> None:
    """Of the same samples: six streams in one pool, and in three of two that share a session."""
    model = tmp_path / "model.onnx"
    model.write_bytes(Network(hidden=4).file())
    one, every = opening.opened_pools(model, 6, 1)[0], opening.opened_pools(model, 2, 3)
    assert [pool.names for pool in every] == [(0, 1), (2, 3), (4, 5)]
    for _ in range(3):
        whole = one.step_array(np.full(6, 0.3, np.float32))
        parted = [pool.step_array(np.full(2, 0.3, np.float32)) for pool in every]
    np.testing.assert_allclose(np.concatenate(parted), whole, atol=1e-6)
