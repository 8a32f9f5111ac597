"""A short series as the network sees it, the last layer fitted in closed form, and weights moved by gradients."""

import copy

import numpy as np
import pytest
import torch

from edgeseq.evaluation.learning import NOTHING
from edgeseq.series import Part
from edgeseq.series.gaps import fill
from edgeseq.starter import head_fit, little_history
from edgeseq.starter.history import History
from edgeseq.starter.little_history import ALL, HEAD, Fitting, choose, is_clear
from edgeseq.starter.network import Network
from edgeseq.starter.tuning import Pace, Tuner
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.errors import DataError

HORIZON = 3


def network(seed: int = 0) -> Network:
    """A network with a head that says something."""
    torch.manual_seed(seed)
    made = Network(HORIZON)
    with torch.no_grad():
        made.head.weight.normal_(0, 0.05)
    return made


def wave(samples: int, seed: int = 0) -> Float32:
    random = np.random.default_rng(seed)
    values = 50 + 3 * np.sin(np.arange(samples) / 3) + 0.2 * random.standard_normal(samples)
    return np.asarray(values[:, None], np.float32)


def test_each_segment_is_what_a_fresh_stream_of_it_sees() -> None:
    """A longer gap parts the series: behind it stands exactly what the samples behind it alone would give."""
    values = wave(120)
    values[50:60] = np.nan
    history = History.of(fill(values, 3), HORIZON)
    alone = History.of(fill(values[60:], 3), HORIZON)
    assert history.segments == ((0, 50), (60, 120))
    for name in ("features", "scale", "distances", "targets"):
        own, other = (getattr(one, name).numpy() for one in (history, alone))
        np.testing.assert_array_equal(own[60:], other)
    assert not history.features[50:60].any()


def test_what_is_to_be_said_is_the_change_where_both_ends_were_measured() -> None:
    """A sample that was filled in neither teaches nor is to be forecast, and nothing reaches over a gap's end."""
    values = np.arange(20, dtype=np.float32)[:, None] ** 2
    values[7] = np.nan
    targets = History.of(fill(values, 3), HORIZON).targets.numpy()
    for row in range(20):
        for ahead in range(1, HORIZON + 1):
            unknown = row == 7 or row + ahead == 7 or row + ahead >= 20
            expected = np.nan if unknown else (row + ahead) ** 2 - row**2
            np.testing.assert_equal(targets[row, ahead - 1], np.float32(expected))


def test_the_fitted_head_is_the_ridge_regression_on_the_forecasts_errors() -> None:
    """Compared with NumPy's least squares on rows that a penalty is appended to."""
    made, history = network(), History.of(fill(wave(300), 3), HORIZON)
    with torch.no_grad():
        changes, _ = made(history.features, history.scale, history.distances, made.fresh(1))
        output, _ = made.cell(history.features)
    teaches = np.isfinite(history.targets.numpy()).all(axis=1) & (history.scale[:, 0].numpy() > 0)
    scale = history.scale[:, 0].numpy().astype(float)[teaches]
    errors = (history.targets - changes[:, 0]).numpy().astype(float)[teaches]
    units = np.column_stack([output[:, 0].numpy(), np.ones(300)]).astype(float)[teaches]
    growth = np.sqrt(np.arange(1, HORIZON + 1))
    counts = scale / np.sqrt(np.mean(scale**2))
    rows = np.vstack([counts[:, None] * units, np.sqrt(10.0) * np.eye(65)])
    wanted = np.vstack([counts[:, None] * errors / (scale[:, None] * growth), np.zeros((65, HORIZON))])
    expected, *_ = np.linalg.lstsq(rows, wanted, rcond=None)
    (found,) = [fitted for penalty, fitted in head_fit.fitted(made, history) if penalty == 10.0]
    moved = (found.head.weight - made.head.weight)[:HORIZON].detach().numpy()
    np.testing.assert_allclose(moved.T, expected[:-1], atol=1e-5)
    np.testing.assert_allclose((found.head.bias - made.head.bias)[:HORIZON].detach().numpy(), expected[-1], atol=1e-5)
    assert torch.equal(found.head.weight[HORIZON:], made.head.weight[HORIZON:])


def test_memory_at_a_row_is_that_of_a_stream_that_read_all_before_it() -> None:
    values = wave(100)
    values[30:40] = np.nan
    made, history = network(), History.of(fill(values, 3), HORIZON)
    h, c = history.memory_at(made, [0, 20, 40, 70])
    for place, (start, row) in enumerate([(0, 0), (0, 20), (40, 40), (40, 70)]):
        memory = made.fresh(1) if row == start else made.cell(history.features[start:row])[1]
        torch.testing.assert_close(h[:, place], memory[0][:, 0])
        torch.testing.assert_close(c[:, place], memory[1][:, 0])


def test_gradients_lower_the_error_on_what_teaches_and_leave_the_network_alone() -> None:
    """Of a series with a longer gap; what was given is not changed, and two runs end at the same weights."""
    values = wave(400)
    values[100:110] = np.nan
    made, history = Network(HORIZON), History.of(fill(values, 3), HORIZON)
    before = copy.deepcopy(made.state_dict())
    tuners = [Tuner(made, history, Pace(30, rate=3e-3)) for _ in range(2)]
    losses = [[tuner.train_step() for _ in range(30)] for tuner in tuners]
    assert np.mean(losses[0][-5:]) < np.mean(losses[0][:5]) - 0.1
    assert losses[0] == losses[1]
    for name, value in tuners[0].average.state_dict().items():
        assert torch.equal(value, tuners[1].average.state_dict()[name])
    assert all(torch.equal(value, before[name]) for name, value in made.state_dict().items())


def test_what_is_no_clear_gain_is_none() -> None:
    """Few forecasts tell nothing; many with a gain that is all of one place do not either; an even gain does."""
    before = np.random.default_rng(0).exponential(size=200)
    assert is_clear(before, 0.8 * before, 4)
    assert not is_clear(before, 0.995 * before, 4)
    assert not is_clear(before[:19], 0.5 * before[:19], 4)
    once = before.copy()
    once[0], lucky = 30.0, before.copy()
    assert not is_clear(once, lucky + 0.01, 24)


def test_the_lowest_error_is_chosen_if_it_is_clear_else_the_next_that_is() -> None:
    base = np.random.default_rng(1).exponential(size=300)
    noisy = base * np.where(np.arange(300) % 150 < 100, 1.6, 0.1) * 0.6  # hardly lower, and all in two places
    assert choose({NOTHING: base, HEAD: 0.9 * base, ALL: 0.8 * base}, 4) == ALL
    assert choose({NOTHING: base, HEAD: 1.1 * base, ALL: 1.2 * base}, 4) == NOTHING
    assert choose({NOTHING: base, HEAD: 0.9 * base, ALL: np.full(300, np.inf)}, 4) == HEAD
    assert choose({NOTHING: base, ALL: noisy}, 100) == NOTHING


def test_a_fitting_stops_when_asked_and_tries_only_what_the_parts_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a short training part the last layer; of a short validation part nothing."""
    monkeypatch.setattr(little_history, "LEAST_FOR_ALL", 300)
    made = network()

    def fitting(train: int, validates: int) -> Fitting:
        values = wave(train + validates)
        part = Part(values, train)
        return Fitting(made, fill(values[:train], 3), part, gap_limit=3, steps=None, rate=None)

    full = fitting(400, 60)
    assert full.steps == 80
    assert not full.run(lambda *_: None, lambda: full.step == 5)
    assert full.step == 5
    small = fitting(200, 60)
    assert small.run(lambda *_: None, lambda: False)
    assert (small.steps, set(small.candidates)) == (0, {NOTHING, HEAD})
    tiny = fitting(400, 20)
    assert tiny.run(lambda *_: None, lambda: False)
    assert (tiny.steps, set(tiny.candidates)) == (0, {NOTHING})


def test_a_validation_part_without_a_forecast_is_refused() -> None:
    values = wave(100)
    values[91::2] = np.nan
    with pytest.raises(DataError, match="validation part has no stretch of 4"):
        Fitting(network(), fill(values[:90], 0), Part(values, 90), gap_limit=0, steps=None, rate=None)
