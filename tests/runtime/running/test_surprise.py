"""How surprising samples are of a sensor that nobody has measured before: soon as rare as is said, and not blind."""

import numpy as np
import numpy.typing as npt
import pytest

from edgeseq_runtime import Pool
from edgeseq_runtime.anomalies import layout
from edgeseq_runtime.anomalies.first import MOST_LEARNED_ELSEWHERE, first_row
from edgeseq_runtime.anomalies.kinds import KINDS, first_ladder, kinds_for
from edgeseq_runtime.anomalies.ladder import RUNGS
from edgeseq_runtime.anomalies.layout import Layout
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session

STREAMS = 40


@pytest.fixture(scope="module")
def starter() -> Session:
    """The model for any sensor that comes with the package."""
    return open_session("starter", provider="cpu")


@pytest.fixture(scope="module")
def p_values(starter: Session) -> npt.NDArray[np.float32]:
    """P-values (time, stream) of noise about a level far off, with a spike of ten deviations at 150 and 399."""
    samples = 1e4 + np.random.default_rng(0).normal(0, 5, (400, STREAMS))
    samples[[150, 399]] += 50
    pool = Pool(starter, anomalies=1e-3, adapt=False)
    pool.add(*range(STREAMS))
    found = []
    for sample in samples:
        pool.step_array(sample)
        found.append(pool.p_value)
    return np.array(found)


def test_normal_samples_are_as_rare_as_is_said(p_values: npt.NDArray[np.float32]) -> None:
    """From the tenth sample on, at most 2 in 100 have a p-value below 0.01, at most 1 in 500 one below 0.001."""
    before = p_values[10:150]
    assert np.isfinite(before).all()
    assert np.mean(before < 1e-2) <= 0.02
    assert np.mean(before < 1e-3) <= 0.002


def test_a_spike_is_found(p_values: npt.NDArray[np.float32]) -> None:
    """In a stream of 150 samples, and again in one that has seen such a one."""
    assert np.mean(p_values[150] < 1e-3) > 0.9
    assert np.mean(p_values[399] < 4e-3) > 0.9


def test_a_fresh_stream_begins_between_normal_ladders_and_those_of_many_sensors(starter: Session) -> None:
    """Its level is its own from the start, and what the file brings counts as few samples."""
    words = Layout.of(starter.spec)
    assert starter.spec.anomalies
    fresh = words.views(first_row(starter.spec, words)[:, None])
    assert fresh[layout.COUNT] == MOST_LEARNED_ELSEWHERE
    assert fresh[layout.MEAN] == fresh[layout.DEVIATION] == fresh[layout.SEEN] == 0
    assert np.isnan(fresh[layout.ANCHOR]).all()
    many = np.array(starter.spec.anomalies.ladders["error"][0])
    assert Layout(1).kinds == KINDS
    normal, begun = np.array(first_ladder(KINDS[0].first, RUNGS)), fresh[layout.GAPS][:, 0, 0, 0]
    assert (np.minimum(normal, many) < begun).all()
    assert (begun < np.maximum(normal, many)).all()
    assert {kind.prior for kind in kinds_for(takes_any=True)} == {5, 10}
