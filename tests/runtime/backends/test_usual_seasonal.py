"""The library's own adaptation of a running scale beside the reference in NumPy: the same streams, but for rounding."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import toolchain
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.native.session import NativeSession
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.judgement.judgement import Judgement
from edgeseq_runtime.spec import Residuals

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

Float32 = npt.NDArray[np.float32]
Pair = tuple[NativeSession, NativeSession]

RATE = 1e-3


@pytest.fixture(scope="module", params=[1, 6])
def pair(request: pytest.FixtureRequest) -> Pair:
    """Two sessions of one library, of which the second judges in NumPy."""
    horizon = request.param
    checkpoint = make_checkpoint(scaling="running", horizon=horizon, hidden=4, layers=1, adapt=True, warmup=1)
    rows = ((-0.4, -0.2, 0.0, 0.2, 0.4),)
    spec = replace(checkpoint.spec, residuals=Residuals((0.05, 0.25, 0.5, 0.75, 0.95), (rows,) * horizon))
    content = edgeseq_export.build(replace(checkpoint, spec=spec))
    sessions = [open_session(content, provider="native") for _ in range(2)]
    for session, judges in zip(sessions, (True, False), strict=True):
        assert isinstance(session, NativeSession)
        session.judges = judges
    return sessions[0], sessions[1]  # type: ignore[return-value]


def wave(count: int, seed: int = 0, *, whole: bool = False) -> Float32:
    """Samples (time,): a constant, then a wave with noise and a shift of the level, and now and then none."""
    random = np.random.default_rng(seed)
    samples = np.sin(2 * np.pi * np.arange(count) / (12 + seed)) + 0.1 * random.standard_normal(count)
    samples[count // 2 :] += 2
    samples[:20] = 0.25
    if not whole:
        samples[random.random(count) < 0.02] = np.nan
        samples[count // 3 : count // 3 + 20] = np.nan
    return samples.astype(np.float32)


def off(ours: Float32, wanted: Float32, gains: Float32) -> npt.NDArray[np.float64]:
    """How far forecasts (..., horizon, target) are apart in multiples of the scale."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(wanted))
    apart = np.abs(ours.astype(np.float64) - wanted) - 4 * np.spacing(np.abs(np.nan_to_num(wanted)).max())
    return np.asarray(np.nan_to_num(apart).max(axis=(-2, -1)) / np.maximum(gains, 1e-9))


def test_a_predictor_adapts_as_in_numpy(pair: Pair) -> None:
    """Statuses, alarms and the season are the same; half-way each of the two goes on with the other's snapshot."""
    ours, other = (Predictor(session, monitor=True, anomalies=RATE) for session in pair)
    static = Predictor(pair[0], adapt=False)
    samples = wave(1000)
    far, moved = [], 0
    for at, sample in enumerate(samples):
        made, wanted = ours.step(sample), other.step(sample)
        far.append(off(made, wanted, np.array(other.state().arrays["scale"]).reshape(-1)).max())
        moved += bool(np.abs(made - static.step(sample)).max() > 0)
        assert (ours.status, ours.reason, ours.drift, ours.anomaly) == (
            other.status,
            other.reason,
            other.drift,
            other.anomaly,
        )
        if at == 500:
            mine, theirs = ours.snapshot(), other.snapshot()
            ours.restore(theirs)
            other.restore(mine)
    assert max(far) < 1e-4
    assert moved > 300
    assert ours.learned.season == other.learned.season
    assert ours.learned.taught == other.learned.taught > 700


def test_blocks_are_as_steps(pair: Pair) -> None:
    """To the bit, in forecasts, intervals and all that is remembered."""
    by_step, by_block = (Predictor(pair[0], monitor=True, anomalies=RATE) for _ in range(2))
    samples = wave(300)
    steps, lows = [], []
    for sample in samples:
        steps.append(by_step.step(sample))
        lows.append(by_step.interval(0.9)[0])
    blocks = [by_block.process(samples[at : at + 37]) for at in range(0, 300, 37)]
    np.testing.assert_array_equal(np.concatenate([block.forecasts for block in blocks]), np.stack(steps))
    np.testing.assert_array_equal(np.concatenate([block.interval[0] for block in blocks if block.interval]), lows)
    ours, other = by_block.state().arrays, by_step.state().arrays
    for name, array in ours.items():
        np.testing.assert_array_equal(array, other[name], err_msg=name)


def test_a_pool_is_as_its_predictors(pair: Pair) -> None:
    """To the bit, whoever comes, and near the pool that judges in NumPy."""
    streams = np.stack([wave(400, seed, whole=True) for seed in range(6)], axis=1)
    ours, other = (Pool(session, monitor=True, anomalies=RATE) for session in pair)
    for pool in (ours, other):
        pool.add(*range(6))
    alone = [Predictor(pair[0], monitor=True, anomalies=RATE) for _ in range(6)]
    random = np.random.default_rng(0)
    for at, row in enumerate(streams):
        who = list(range(6)) if at % 3 else sorted(random.choice(6, 3, replace=False).tolist())
        made, wanted = (pool.step({name: row[name] for name in who}) for pool in (ours, other))
        for name in who:
            np.testing.assert_array_equal(made[name], alone[name].step(row[name]))
            gains = np.array(alone[name].state().arrays["scale"]).reshape(-1)
            assert off(made[name], wanted[name], gains).max() < 1e-4
    for name, predictor in enumerate(alone):
        np.testing.assert_array_equal(ours.p_values[name], predictor.p_values)


def test_most_samples_take_the_short_way(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy is asked where something is odd: absent values, and the first ones after a gap."""
    taken, judge = [0], Judgement.judge

    def counted(self: Judgement, *args: object) -> Float32:
        taken[0] += 1
        return judge(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Judgement, "judge", counted)
    predictor = Predictor(pair[0], monitor=True, anomalies=RATE)
    samples = wave(600)
    for sample in samples:
        predictor.step(sample)
    assert taken[0] <= 3 * np.isnan(samples).sum() < 150
