"""Prediction intervals: the quantiles that conformal prediction asks for, and how often they hold."""

import json
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np
import pytest

import edgeseq_export
from edgeseq.evaluation import baselines, intervals
from edgeseq.evaluation.evaluate import evaluate_test_part, forecasts_at, residual_quantiles
from edgeseq.evaluation.plots import forecasts
from edgeseq.evaluation.report_text import summary
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.series import Part, Parts
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_runtime import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import Residuals
from tests.conftest import CommandLine

NAN = np.nan


def walk(samples: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(0).standard_normal((samples, 1)), axis=0).astype(np.float32)


def quantiles(errors: list[float]) -> tuple[float, ...]:
    found = intervals.quantiles(np.array(errors)[:, None, None])
    assert found is not None
    return found.quantiles[0][0]


@pytest.mark.parametrize(
    ("count", "wanted"),
    [(19, (1, 5, 10, 15, 19)), (20, (1, 5, 10.5, 16, 20)), (39, (2, 10, 20, 30, 38)), (99, (5, 25, 50, 75, 95))],
)
def test_quantiles_of_the_first_numbers_by_hand(count: int, wanted: tuple[float, ...]) -> None:
    """Of 1 to n in any order: n = 19 is the least whose 20ths, counted with the sample to come, are all there."""
    numbers = np.random.default_rng(0).permutation(np.arange(1.0, count + 1)).tolist()
    assert quantiles(numbers) == wanted


def test_each_end_is_the_order_statistic_of_the_theorem() -> None:
    """The upper end is the ceil((n + 1) level)-th smallest, the lower end the same of the residuals mirrored."""
    for count in range(19, 400):
        found = quantiles([float(number) for number in range(1, count + 1)])
        for level, upper in ((Fraction(95, 100), found[4]), (Fraction(75, 100), found[3])):
            assert upper == ceil((count + 1) * level), count
        assert found[:2] == (count + 1 - found[4], count + 1 - found[3]), count


def test_too_few_residuals_promise_nothing() -> None:
    assert intervals.quantiles(np.arange(18.0)[:, None, None]) is None
    assert intervals.quantiles(np.zeros((0, 1, 1))) is None
    lacking = np.zeros((30, 2, 1))
    lacking[:12, 1] = NAN
    assert intervals.quantiles(lacking) is None


def test_intervals_hold_what_they_promise_for_skewed_residuals() -> None:
    """Averaged over many validation parts of 25 residuals; plain sample quantiles would hold 83 and 46 %."""
    random = np.random.default_rng(0)
    held = {0.9: 0, 0.5: 0}
    rounds = 4000
    for _ in range(rounds):
        *known, further = random.exponential(size=26) ** 2
        found = intervals.quantiles(np.array(known)[:, None, None])
        assert found is not None
        for level, (low, high) in intervals.bounds(found).items():
            held[level] += int(low[0, 0] <= further <= high[0, 0])
    # 24 of 26 and 14 of 26 ranks lie within; three standard errors of 4000 rounds.
    assert held[0.9] / rounds == pytest.approx(24 / 26, abs=0.013)
    assert held[0.5] / rounds == pytest.approx(14 / 26, abs=0.024)


def test_residual_quantiles_are_those_of_the_streamed_part() -> None:
    predictor = Predictor(edgeseq_export.build(make_checkpoint(horizon=2)), rules=AS_THEY_ARE)
    part = Part(walk(250), 50)
    at = part.origins(2)
    error = baselines.truths(predictor.spec, part.values, at) - forecasts_at(predictor, part.values, at)
    assert len(error) == 199  # 199 + 1 is a multiple of 20: the levels are met exactly
    found = residual_quantiles(predictor, part)
    assert found is not None
    for step in range(2):
        ordered = np.sort(error[:, step, 0])
        wanted = [ordered[9], ordered[49], ordered[99], ordered[149], ordered[189]]
        np.testing.assert_allclose(found.quantiles[step][0], wanted, rtol=1e-3)


def test_coverage_and_width_by_hand() -> None:
    """Residuals 0.5, -2 and one unknown one step ahead, 1.5 and 4 two steps ahead."""
    table = ((((-1.0, -0.25, 0.0, 0.25, 1.0)),), (((-1.0, -0.5, 0.0, 2.0, 3.0)),))
    spec = replace(make_spec(horizon=2), residuals=Residuals((0.05, 0.25, 0.5, 0.75, 0.95), table))
    made = np.array([[[10.0], [10.0]], [[20.0], [20.0]], [[30.0], [30.0]]])
    truth = np.array([[[10.5], [11.5]], [[18.0], [24.0]], [[NAN], [NAN]]])
    wide, narrow = intervals.measure_coverage(spec, made, truth)
    assert (wide.level, narrow.level) == (0.9, 0.5)
    assert (wide.coverage, wide.width) == (0.5, 3.0)
    assert wide.per_horizon == ((0.5, 2.0), (0.5, 4.0))
    assert (narrow.coverage, narrow.width) == (0.25, 1.5)
    assert narrow.per_horizon == ((0.0, 0.5), (0.5, 2.5))


def test_residuals_may_be_multiples_of_what_moves_with_the_stream() -> None:
    """At the first origin of 2, at the second of 10, and at the third of nothing: there only an exact forecast holds.

    Errors of 3, 3 and 0 with an interval of one multiple to either side: one is missed, two held; widths 4, 20 and 0.
    """
    spec = replace(make_spec(), residuals=Residuals((0.05, 0.95), (((-1.0, 1.0),),)))
    made, truth = np.zeros((3, 1, 1)), np.array([[[3.0]], [[3.0]], [[0.0]]])
    (found,) = intervals.measure_coverage(spec, made, truth, np.array([2.0, 10.0, 0.0]))
    assert found.coverage == pytest.approx(2 / 3)
    assert found.width == pytest.approx(8.0)
    alone = [intervals.crps(spec, made[:1] / scale, truth[:1] / scale) for scale in (1.0, 2.0)]
    assert alone[1] is not None
    assert intervals.crps(spec, made[:1], truth[:1], np.array([2.0])) == pytest.approx(2 * alone[1])


def test_the_score_of_quantiles_is_that_of_the_distribution_they_are_of() -> None:
    """Of standard normal residuals it is 1 / sqrt(pi), by integration; five levels give 3 % less."""
    errors = np.random.default_rng(0).standard_normal(100_000)
    known = intervals.quantiles(errors[:, None, None])
    spec = replace(make_spec(), residuals=known)
    found = intervals.crps(spec, np.zeros((100_000, 1, 1)), errors[:, None, None])
    assert found == pytest.approx(1 / np.sqrt(np.pi), rel=0.04)
    assert intervals.crps(make_spec(), np.zeros((1, 1, 1)), np.zeros((1, 1, 1))) is None


def test_the_score_by_hand() -> None:
    """One quantile, the median 1 above the forecast, stands for all levels: the score is the absolute error from it."""
    spec = replace(make_spec(), residuals=Residuals((0.5,), (((1.0,),),)))
    assert intervals.crps(spec, np.array([[[10.0]], [[10.0]]]), np.array([[[14.0]], [[NAN]]])) == pytest.approx(3.0)


def test_a_step_ahead_that_is_never_known_has_no_coverage() -> None:
    spec = replace(make_spec(horizon=2), residuals=Residuals((0.05, 0.95), (((-1.0, 1.0),), ((-1.0, 1.0),))))
    found = intervals.measure_coverage(spec, np.zeros((1, 2, 1)), np.array([[[0.5], [NAN]]]))[0].to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == {
        "level": 0.9,
        "coverage": 1.0,
        "width": 2.0,
        "per_horizon": [{"coverage": 1.0, "width": 2.0}, {"coverage": None, "width": None}],
    }


def with_residuals(horizon: int = 2) -> Checkpoint:
    """A random network that knows its residuals over a random walk."""
    made = make_checkpoint(horizon=horizon)
    found = residual_quantiles(Predictor(edgeseq_export.build(made)), Part(walk(500), 400))
    return replace(made, spec=replace(made.spec, residuals=found))


def test_the_table_and_the_plot_show_the_intervals() -> None:
    values = walk(600)
    parts = Parts(values[:400], Part(values[:500], 400), Part(values, 500))
    evaluation = evaluate_test_part(Predictor(edgeseq_export.build(with_residuals())), parts)
    wide = evaluation.intervals[0]
    rows = summary(evaluation).partition("\nsamples ahead")[2].partition("\n\n")[0].splitlines()
    assert rows[2].split() == ["all", *f"{100 * wide.coverage:.1f} % {wide.width:.4g}".split(), *rows[2].split()[4:]]
    assert [row.split()[0] for row in rows[2:]] == ["all", "1", "2"]
    band = forecasts(evaluation).axes[0].collections[0]
    assert band.get_label() == "90 % interval 2 samples ahead"
    assert evaluation.spec.residuals is not None
    low, high = (intervals.bounds(evaluation.spec.residuals)[0.9][end][1, 0] for end in (0, 1))
    drawn = np.asarray(band.get_paths()[0].vertices)
    at = evaluation.origins[7] + 2
    np.testing.assert_allclose(
        sorted(set(drawn[drawn[:, 0] == at, 1])), evaluation.forecasts[7, 1, 0] + [low, high], rtol=1e-6
    )


def test_a_model_without_residuals_has_no_intervals() -> None:
    values = walk(600)
    parts = Parts(values[:400], Part(values[:500], 400), Part(values, 500))
    evaluation = evaluate_test_part(Predictor(edgeseq_export.build(make_checkpoint())), parts)
    assert "intervals" not in evaluation.to_dict()
    assert "interval" not in summary(evaluation)
    assert not forecasts(evaluation).axes[0].collections


def test_evaluate_prints_the_intervals(edgeseq: CommandLine, brief_path: Path) -> None:
    found = json.loads(edgeseq.must("evaluate", brief_path, "--json").out)["intervals"]
    assert [interval["level"] for interval in found] == [0.9, 0.5]
    for interval in found:
        assert interval["per_horizon"] == [{"coverage": interval["coverage"], "width": interval["width"]}]
        assert 0 <= interval["coverage"] <= 1
    assert found[0]["width"] > found[1]["width"] > 0
