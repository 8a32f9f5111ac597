"""Sampling: times in every form, rows in their order, and steps that are even or are made so."""

import datetime
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.series import load
from edgeseq.series.examples import co2_path
from edgeseq.series.gaps import fill
from edgeseq.series.resampling import Samples, Spacing, resample
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.reading import durations
from tests.conftest import CommandLine
from tests.helpers.csv_helpers import csv, parquet, read


@pytest.mark.parametrize(
    ("first", "second", "seconds"),
    [
        ("2020-01-01", "2020-01-02", 86400),
        ("2020-01-01 00:00:00", "2020-01-01 00:15:00", 900),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:10+00:00", 10),
        ("2020-01-01T01:00:00+01:00", "2020-01-01T00:00:30Z", 30),
        ("20200228", "20200229", 86400),
        ("1577836800", "1577836860", 60),
        ("1577836800000", "1577836800250", 0.25),
        ("0", "1", 1),
    ],
)
def test_times_in_every_form(tmp_path: Path, first: str, second: str, seconds: float) -> None:
    series = read(csv(tmp_path, f"time,v\n{first},1\n{second},2\n"))
    assert series.period == pytest.approx(seconds)


def test_a_column_of_dates_is_the_time_whatever_its_name(tmp_path: Path) -> None:
    assert read(csv(tmp_path, "when,v\n2020-01-01,1\n2020-01-02,2\n")).time == "when"


def test_rows_that_are_not_there_become_missing_samples(tmp_path: Path) -> None:
    """Two hours are lacking; a week is too, of which four samples are put in: one more than may be filled."""
    times = ["01T00", "01T01", "01T04", "01T05", "08T05", "08T06"]
    text = "time,v\n" + "".join(f"2020-01-{time}:00,{number}\n" for number, time in enumerate(times))
    series = read(csv(tmp_path, text))
    nan = np.nan
    np.testing.assert_array_equal(series.values[:, 0], [0, 1, nan, nan, 2, 3, nan, nan, nan, nan, 4, 5])
    np.testing.assert_array_equal(series.rows, [0, 1, 2, 2, 2, 3, 4, 4, 4, 4, 4, 5])
    filled = fill(series.values, 3)
    assert str(filled) == "2 samples interpolated, 1 longer gap left open: 2 segments"


def test_time_none_goes_by_the_order_of_rows(tmp_path: Path) -> None:
    series = read(csv(tmp_path, "time,v\n1,1\n1,2\n0,3\n"), time="none", targets=["v"])
    assert series.time is None
    assert len(series) == 3


def rows(times: Iterable[object], values: Iterable[object]) -> str:
    """A CSV with these times and values."""
    return "time,v\n" + "".join(f"{time},{value}\n" for time, value in zip(times, values, strict=True))


def made(seconds: list[float], values: list[float]) -> Samples:
    return Samples(np.array(seconds, float), np.array(values, np.float32)[:, None], lambda row: f"line {row + 2}")


# Times


@pytest.mark.parametrize("layout", ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S%z"])
def test_a_year_of_times_is_what_the_calendar_says(tmp_path: Path, layout: str) -> None:
    """With a leap day, against Python's own arithmetic; the last row comes two hours late."""
    start = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    moments = [start + datetime.timedelta(hours=hour) for hour in range(24 * 366)]
    moments.append(moments[-1] + datetime.timedelta(hours=3))
    series = read(csv(tmp_path, rows([f" {moment.strftime(layout)} " for moment in moments], range(len(moments)))))
    assert series.period == 3600
    assert len(series) == len(moments) + 2
    assert np.flatnonzero(np.isnan(series.values[:, 0])).tolist() == [len(moments) - 1, len(moments)]


def test_zones_that_change_are_one_clock(tmp_path: Path) -> None:
    """The night on which summer time ends in Berlin has two hours called 2."""
    times = [f"2020-10-25T{hour}:00{zone}" for hour, zone in (("01", "+02:00"), ("02", "+02:00"), ("02", "+01:00"))]
    series = read(csv(tmp_path, rows(times, [1, 2, 3])))
    assert (series.period, series.values[:, 0].tolist()) == (3600, [1, 2, 3])


def test_times_may_be_written_in_several_ways(tmp_path: Path) -> None:
    times = [
        "2020-01-01 00:00:00",
        "2020-01-01T00:01:00",
        "2020-01-01 00:02",
        "20200101T000300",
        "2020-01-01 00:04:00.0",
    ]
    series = read(csv(tmp_path, rows(times, range(5))))
    assert (series.period, len(series)) == (60, 5)
    with pytest.raises(DataError, match="line 4: column 'time' holds '2020-02-30 00:00:00', not a time"):
        read(csv(tmp_path, rows(["2020-02-28 00:00:00", "2020-02-29 00:00:00", "2020-02-30 00:00:00"], range(3))))


@pytest.mark.parametrize(
    ("column", "period"),
    [
        (pl.Series([0, 1500]).cast(pl.Datetime("ms")), 1.5),
        (pl.Series([0, 1500], dtype=pl.Int64).cast(pl.Datetime("us")), 0.0015),
        (pl.Series([0, 1500], dtype=pl.Int64).cast(pl.Datetime("ms", "Europe/Berlin")), 1.5),
        (pl.Series([0, 2_000_000_000], dtype=pl.Int64).cast(pl.Datetime("ns")), 2),
        (pl.Series([18000, 18002], dtype=pl.Int32).cast(pl.Date), 2 * 86400),
        (pl.Series([20200228, 20200301]), 2 * 86400),
        (pl.Series([1577836800, 1577836860]), 60),
        (pl.Series([0.0, 0.25]), 0.25),
        (pl.Series(["2020-01-01 00:00", "2020-01-01 00:01"]), 60),
    ],
)
def test_parquets_own_times(tmp_path: Path, column: pl.Series, period: float) -> None:
    assert read(parquet(tmp_path, {"time": column, "v": [1, 2]})).period == pytest.approx(period)


@pytest.mark.parametrize("factor", [1, 1000, 1_000_000, 1_000_000_000])
def test_epochs_in_seconds_and_their_fractions(tmp_path: Path, factor: int) -> None:
    times = [1577836800 * factor, 1577836860 * factor]
    assert read(csv(tmp_path, rows(times, [1, 2]))).period == pytest.approx(60)


# Order


def test_rows_are_sorted_on_request(tmp_path: Path) -> None:
    """The sample of 120 s is lacking, and found to be, whatever the order."""
    path = csv(tmp_path, rows([180, 0, 60, 300, 240], [3, 0, 1, 5, 4]))
    with pytest.raises(DataError, match=r"line 3: time 0 goes back behind line 2: time 180; .*--sort"):
        read(path)
    np.testing.assert_array_equal(read(path, sort=True).values[:, 0], [0, 1, np.nan, 3, 4, 5])


def test_a_time_that_repeats_is_an_error_until_samples_are_averaged(tmp_path: Path) -> None:
    path = csv(tmp_path, rows([60, 0, 120, 60], [1, 0, 2, 4]))
    with pytest.raises(DataError, match=r"line 5: time 60 repeats line 2: time 60; .*--every"):
        read(path, sort=True)
    with pytest.raises(DataError, match="line 3: time 0 goes back"):
        read(path, every="1min")
    assert read(path, sort=True, every="1min").values[:, 0].tolist() == [0, 2.5, 2]


@given(order=st.permutations(range(12)))
def test_sorting_undoes_any_disorder(order: list[int]) -> None:
    sorted_ = made([60.0 * place for place in order], [float(place) for place in order]).sorted()
    assert sorted_.values[:, 0].tolist() == list(range(12))
    assert [sorted_.place(row) for row in range(12)] == [f"line {order.index(place) + 2}" for place in range(12)]


# Intervals


def test_intervals_by_hand(tmp_path: Path) -> None:
    """Closed at their start, labelled by it; a missing value is no zero; an interval without samples is a gap."""
    times = ["00:00:00", "00:07:00", "00:14:59", "00:15:00", "00:20:00", "00:45:00", "00:59:00", "01:00:00"]
    cells = ["1,10", "2,", "6,30", "4,40", ",60", ",", ",80", "9,90"]
    text = "time,a,b\n" + "".join(f"2020-01-01T{time},{cell}\n" for time, cell in zip(times, cells, strict=True))
    series = read(csv(tmp_path, text), targets=["a", "b"], every="15min")
    nan = np.nan
    np.testing.assert_array_equal(series.values, [[3, 20], [4, 50], [nan, nan], [nan, 80], [9, 90]])
    assert series.period == 900
    assert series.file_rows == 4  # what a split counts: the intervals that hold samples
    np.testing.assert_array_equal(series.rows, [0, 1, 2, 2, 3])


def test_long_pauses_take_no_memory(tmp_path: Path) -> None:
    """A pause of 50 years in milliseconds would be 1.6 million million rows; one more than may be filled will do."""
    series = read(csv(tmp_path, rows([0, 0.001, 0.002, 1577836800], [1, 2, 3, 4])), every="1ms", gap_limit=2)
    assert len(series) == 4 + 3


@given(
    data=st.lists(st.tuples(st.integers(0, 100_000), st.integers(-50, 50) | st.none()), min_size=1, max_size=60),
    every=st.sampled_from([0.001, 0.1, 0.3, 1, 7, 60]),
)
def test_intervals_are_those_of_exact_arithmetic(data: list[tuple[int, int | None]], every: float) -> None:
    """Milliseconds as integers and means as fractions, against the resampling of float seconds."""
    data.sort(key=lambda pair: pair[0])
    length = round(every * 1000)
    groups: dict[int, list[int | None]] = {}
    for millisecond, value in data:
        groups.setdefault(millisecond // length, []).append(value)
    values = [np.nan if value is None else float(value) for _, value in data]
    even = resample(made([millisecond / 1000 for millisecond, _ in data], values), Spacing(every))
    np.testing.assert_allclose(even.seconds, [group * length / 1000 for group in groups], rtol=1e-12)
    known = [[value for value in group if value is not None] for group in groups.values()]
    means = [statistics.mean(group) if group else np.nan for group in known]
    np.testing.assert_allclose(even.values[:, 0], means, rtol=1e-6, atol=1e-6)


@given(
    period=st.sampled_from([0.001, 0.1, 0.7, 1, 60, 900, 86400]),
    start=st.integers(0, 2_000_000_000),
    phase=st.floats(0, 0.99),
    count=st.integers(2, 200),
)
def test_an_even_series_at_its_own_period_stays_as_it_is(period: float, start: int, phase: float, count: int) -> None:
    beginning = round(start + phase * period, 6)
    seconds = [round(beginning + row * period, 6) for row in range(count)]
    values = np.random.default_rng(count).normal(size=count).astype(np.float32).tolist()
    even = resample(made(seconds, values), Spacing(period))
    assert even.values[:, 0].tolist() == values
    np.testing.assert_allclose(np.diff(even.seconds), period, atol=1e-6)


@pytest.mark.parametrize("text", ["15", "min", "0s", "-1h", "1m", "1 week", "1e3s", "15min30s", "", "9999999d", "٣s"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected a duration such as 15min"):
        durations.parse(text)


def test_durations_by_hand() -> None:
    written = {"30s": 30, "15min": 900, "1h": 3600, "1d": 86400, "250ms": 0.25, "1.5h": 5400, " 2 d ": 172800}
    assert {text: durations.parse(text) for text in written} == written
    assert [durations.text(seconds) for seconds in (900, 5400, 604800, 0.25, 61.25, 48.10381)] == [
        "15min",
        "90min",
        "7d",
        "250ms",
        "61250ms",
        "48.104s",
    ]


@given(milliseconds=st.integers(1, 10**11))
def test_a_duration_as_text_is_read_as_the_same(milliseconds: int) -> None:
    assert durations.parse(durations.text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@given(seconds=st.floats(0.0005, 1e6))
def test_a_round_duration_is_hardly_longer_than_asked(seconds: float) -> None:
    chosen = durations.at_least(seconds)
    assert seconds <= chosen <= max(10 * seconds, 0.001)
    assert durations.parse(durations.text(chosen)) == chosen


@pytest.mark.parametrize(("every", "limit", "fits"), [("10min", 0, True), ("5min", 1, True), ("5min", 0, False)])
def test_intervals_shorter_than_the_gaps_that_are_filled_are_refused(
    tmp_path: Path, every: str, limit: int, *, fits: bool
) -> None:
    path = csv(tmp_path, rows(range(0, 6000, 600), range(10)))
    if fits:
        assert np.isfinite(read(path, every=every, gap_limit=limit).values).sum() == 10
    else:
        with pytest.raises(UsageError, match="--every 5min is too short: samples usually come 10min apart, and at mos"):
            read(path, every=every, gap_limit=limit)


@pytest.mark.parametrize(("option", "value"), [("every", "1h"), ("sort", True)])
def test_what_needs_times_says_so(tmp_path: Path, option: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"--{option} needs a time column; name it with --time"):
        read(csv(tmp_path, "v\n1\n2\n"), **{option: value})


# Steps that are not even


def test_random_times_are_refused_with_what_to_type(tmp_path: Path) -> None:
    """Events come once a minute on average; the interval that is advised leaves few of them without a sample."""
    times = np.cumsum(np.random.default_rng(0).exponential(60, 500)).round(3)
    path = csv(tmp_path, rows(times, range(500)))
    with pytest.raises(DataError, match=r"irregular: \d+ of 499 steps .* at line 4: time .*; --every 5min averages"):
        read(path)
    assert not np.isnan(read(path, every="5min").values).mean() > 0.05


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("jitter just under a third", [40.1, 79.9] * 3 + [60] * 20),
        ("clock that drifts", [60.4] * 50),
        ("pauses of any length", ([60] * 5 + [810]) * 10),
        ("a packet that comes late once in forty", ([60] * 38 + [90, 30]) * 3),
        ("months", [day * 86400 for day in (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)] * 3),
        ("working days", [86400, 86400, 86400, 86400, 3 * 86400] * 10),
        ("days when the clock changes", [86400] * 20 + [23 * 3600] + [86400] * 20 + [25 * 3600]),
        ("one restart in a short file", [60, 60, 60, 25, 60, 60]),
    ],
)
def test_real_loggers_are_taken_as_they_are(tmp_path: Path, name: str, steps: list[float]) -> None:
    times = np.cumsum([0, *steps])
    series = read(csv(tmp_path, rows(times, range(len(times)))))
    assert int(np.isfinite(series.values).sum()) == len(times), name


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_fifth_of_the_steps_off_is_too_many_and_a_twentieth_is_not(tmp_path: Path, share: float) -> None:
    steps = np.where(np.arange(200) % round(1 / share) == 0, 90.0, 60.0)
    path = csv(tmp_path, rows(np.cumsum([0, *steps]), range(201)))
    if share < 0.1:
        assert read(path).period == 60
    else:
        with pytest.raises(DataError, match="40 of 200 steps are no multiple of the usual 1min, the first at line 3"):
            read(path)


def test_the_real_series_averaged_over_four_weeks() -> None:
    """Against the file's own lines, grouped by their day since 1970."""
    groups: dict[int, list[float]] = {}
    for line in co2_path().read_text().splitlines()[1:]:
        day, value = line.split(",")
        number = (datetime.date.fromisoformat(day) - datetime.date(1970, 1, 1)).days
        groups.setdefault(number // 28, []).extend([float(value)] if value else [])
    series, _ = load("co2", every="28d")
    means = [statistics.fmean(group) if group else np.nan for group in groups.values()]
    assert (series.period, series.file_rows) == (28 * 86400, len(means))
    taken = np.flatnonzero(np.diff(series.rows, prepend=-1, append=series.rows[-1] + 1)[1:])
    np.testing.assert_allclose(series.values[taken, 0], means, rtol=1e-6)


def changes(seed: int, digits: int, spread: float = 0.3) -> tuple[list[float], list[float]]:
    """Times and values of a sensor that reports when its value has changed, every ten minutes or so."""
    random = np.random.default_rng(seed)
    steps = 600 * random.uniform(1 - spread, 1 + spread, 400)
    values = 20 + np.cumsum(random.choice([-1, 1], 401) * (0.1 if digits == 1 else random.uniform(0.01, 0.5, 401)))
    return np.cumsum([0, *steps]).round().tolist(), values.round(digits).tolist()


@pytest.mark.parametrize(("seed", "digits"), [(0, 1), (1, 1), (2, 3)])
def test_a_sensor_that_reports_changes_is_told_from_an_even_one(tmp_path: Path, seed: int, digits: int) -> None:
    """Few of its steps are far from a multiple of the usual one, but hardly any two values in a row are equal."""
    path = csv(tmp_path, rows(*changes(seed, digits)))
    with pytest.raises(DataError, match=r"irregular: .* reports changes only .*, --every 1[05]min --hold 30min lets"):
        read(path)
    held = read(path, every="10min", hold="30min")
    assert np.isfinite(held.values).all()
    assert np.isnan(read(path, every="10min").values).any()


def test_jitter_of_a_sensor_whose_values_repeat_is_none_of_that(tmp_path: Path) -> None:
    """The same times with values that stand still now and then, as those of a logger do; and small jitter with any."""
    times, values = changes(0, 1)
    assert read(csv(tmp_path, rows(times, np.repeat(values, 2)[: len(times)]))).period == pytest.approx(600, rel=0.1)
    assert read(csv(tmp_path, rows(*changes(0, 1, spread=0.1)))).period == pytest.approx(600, rel=0.1)


@pytest.mark.parametrize(
    ("steps", "word"),
    [
        ([60] * 300 + [300] * 180, "from line 302 on a sample comes every 5min instead of 1min: --every 5min"),
        ([300] * 50 + [60] * 500, "from line 52 on a sample comes every 1min instead of 5min: --every 5min"),
        ([60] * 100 + [60, 3600, 60] + [120] * 12, "from line 105 on a sample comes every 2min instead of 1min"),
        ([3600] * 30 + [1800] * 30, "from line 32 on a sample comes every 30min instead of 1h: --every 1h"),
    ],
)
def test_a_rate_that_changes_for_good_is_named_with_its_line(tmp_path: Path, steps: list[int], word: str) -> None:
    with pytest.raises(DataError, match=word):
        read(csv(tmp_path, rows(np.cumsum([0, *steps]), range(len(steps) + 1))))


@pytest.mark.parametrize(
    "steps",
    [
        [60] * 100 + [300] * 5 + [60] * 100,  # for a while
        [60] * 200 + [120] * 5,  # a few gaps at the end
        [60] * 40 + [80] * 40,  # a clock that goes wrong, by less than half
    ],
)
def test_a_rate_that_is_another_one_for_a_while_is_not(tmp_path: Path, steps: list[int]) -> None:
    assert len(read(csv(tmp_path, rows(np.cumsum([0, *steps]), range(len(steps) + 1))))) > len(steps)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ({"hold": "1h"}, "--hold needs --every"),
        ({"hold": "1h", "every": "1min", "aggregate": "sum"}, "--aggregate sum cannot be had with --hold"),
        ({"hold": "365d", "every": "1s"}, "--hold may be at most 10000 times --every"),
    ],
)
def test_what_a_value_cannot_hold_for_is_refused(tmp_path: Path, option: dict[str, str], word: str) -> None:
    with pytest.raises(UsageError, match=word):
        read(csv(tmp_path, rows(range(0, 6000, 600), range(10))), **option)


# Evaluating as in training


@pytest.mark.parametrize(
    ("times", "word"),
    [
        (range(0, 60000, 60), "a sample every 1min; the model was trained on one every 15min: add --every 15min"),
        (range(0, 600000, 3600), "a sample every 1h is too seldom; the model was trained on one every 15min"),
        (np.cumsum(np.random.default_rng(0).exponential(60, 500)), "irregular: .*; --every 15min averages"),
    ],
)
def test_another_period_than_the_models_is_refused(tmp_path: Path, times: Sequence[float], word: str) -> None:
    with pytest.raises(DataError, match=word):
        read(csv(tmp_path, rows(times, range(len(times)))), period=900.0)


def test_train_and_evaluate_read_the_same_way(edgeseq: CommandLine, tmp_path: Path) -> None:
    """A model trained on averages of disordered samples is evaluated on the same, whether that is said again or not."""
    random = np.random.default_rng(1)
    times = random.permutation(np.cumsum(random.exponential(20, 6000)).round(5))
    path = csv(tmp_path, rows(times, np.sin(times / 600).round(4)))
    model = tmp_path / "model.safetensors"
    told = edgeseq.must(
        "train", path, "--time", "time", "--every", "1min", "--sort", "--steps", 20, "--hidden", 4, "-o", model
    )
    assert "one every 1 min" in told.err
    scored = edgeseq.must("evaluate", model, path, "--every", "1min", "--sort")
    assert scored.out == told.out
    assert edgeseq.must("evaluate", model, path).out == told.out
    answer = edgeseq("evaluate", model, path, "--every", "none")
    assert (answer.code, "--every 1min averages" in answer.err) == (1, True)
    answer = edgeseq("evaluate", model, path, "--every", "1h")
    assert (answer.code, "the model was trained on one every 1min" in answer.err) == (1, True)
