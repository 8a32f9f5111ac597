"""What a model file knows of its validation part's surprises: as one stream would have learned it."""

from dataclasses import replace

import numpy as np

import edgeseq_export
from edgeseq.evaluation.evaluate import residual_quantiles, typical_predictor
from edgeseq.evaluation.surprises import learned_anomalies
from edgeseq.series import Part, Parts
from edgeseq.testing import make_checkpoint
from edgeseq.training.fitting import judge
from edgeseq_runtime import Predictor
from edgeseq_runtime.arrays import Float32
from edgeseq_runtime.spec import Spec


def series(rows: int, seed: int = 0) -> Float32:
    """Noise of a kind that no first ladder expects: a third is about zero, and some of it is far out."""
    return (np.random.default_rng(seed).standard_t(2, (rows, 1)) * 0.1).astype(np.float32)


def learned(targets: int = 1, rows: int = 3000) -> tuple[bytes, bytes, Spec]:
    """A model file without what was learned, one with it, and its spec."""
    made = make_checkpoint(features=targets, targets=targets, horizon=3, warmup=5)
    part = Part(np.repeat(series(rows), targets, axis=1), 500)
    residuals = residual_quantiles(typical_predictor(edgeseq_export.build(made)), part)
    without = edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals)))
    spec = replace(made.spec, residuals=residuals, anomalies=learned_anomalies(typical_predictor(without), part))
    return without, edgeseq_export.build(replace(made, spec=spec)), spec


def p_values(model: bytes, samples: Float32) -> Float32:
    predictor = Predictor(model, anomalies=1e-4)
    found = [predictor.p_value for sample in samples if predictor.step(sample) is not None]
    return np.array([np.nan if p_value is None else p_value for p_value in found])


def test_a_fresh_stream_begins_with_what_validation_showed() -> None:
    """Noise with far tails is normal to it from the first sample on, and was very surprising before."""
    without, model, _ = learned()
    samples = series(400, seed=1)
    assert (p_values(without, samples)[:100] < 1e-3).sum() > (p_values(model, samples)[:100] < 1e-3).sum()
    assert np.nanmin(p_values(model, samples)) > 1e-5


def test_all_targets_are_kept_and_survive_the_file() -> None:
    _, model, spec = learned(targets=2)
    read = Predictor(model).spec.anomalies
    assert read == spec.anomalies
    assert read is not None
    assert len(read.samples) == 2
    assert read.samples[0] > 2000
    assert len(read.together) == len(read.last[1])


def test_an_export_counts_no_sample_of_the_validation_part_twice() -> None:
    """What training has learned of that part is what the model file and exported C begin with."""
    made = make_checkpoint(features=1, targets=1, horizon=3, warmup=5)
    values = series(4000)
    parts = Parts(values[:500], Part(values[:3000], 500), Part(values, 3000))
    trained = judge(made, parts).checkpoint
    trained = replace(trained, validation=parts.validation)
    found = edgeseq_export.export(trained).spec.anomalies
    assert found is not None
    assert found == trained.spec.anomalies
    assert 2000 < found.samples[0] <= 2500


def test_too_few_samples_are_not_kept_and_a_model_without_residuals_has_none() -> None:
    predictor = typical_predictor(edgeseq_export.build(make_checkpoint(horizon=3, warmup=5)))
    assert learned_anomalies(predictor, Part(series(900), 500)) is None
    assert learned(rows=560)[2].anomalies is None


def test_ladders_of_kinds_that_are_not_known_are_passed_over() -> None:
    """A file of a later version, with a kind more and another with more rungs, goes on with the rest."""
    without, _, spec = learned()
    assert spec.anomalies
    ladders = {**spec.anomalies.ladders, "later": ((1.0,),), "error": ((1.0,) * 99,)}
    changed = replace(spec, anomalies=replace(spec.anomalies, ladders=ladders))
    made = make_checkpoint(features=1, targets=1, horizon=3, warmup=5)
    samples = series(100, seed=2)
    found = p_values(edgeseq_export.build(replace(made, spec=changed)), samples)
    assert np.isfinite(found[10:]).all()
    assert not np.array_equal(found[10:], p_values(without, samples)[10:])
