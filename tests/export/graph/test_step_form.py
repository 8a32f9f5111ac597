"""The form "step": a leaner graph for one sample at a time, with the same forecasts."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.errors import UsageError
from tests.export.test_agreement import checkpoints, random_samples
from tests.helpers import tolerances


def assert_agree(checkpoint: Checkpoint, found: np.ndarray, wanted: np.ndarray) -> None:
    scale = np.array([feature.std for feature in checkpoint.spec.target_features])
    rounding = 2 * np.spacing(np.abs(wanted))
    assert (np.abs(found - wanted) <= tolerances.STEP_FROM_CHUNK * scale + rounding).all()


@settings(max_examples=30)
@given(checkpoint=checkpoints(layouts=("stream",), known=(0, 2)), time=st.integers(1, 12))
def test_its_forecasts_are_those_of_the_form_chunk(checkpoint: Checkpoint, time: int) -> None:
    spec = checkpoint.spec
    x, ahead = np.split(random_samples(checkpoint, time, 1)[:, 0], [len(spec.features)], axis=1)
    known = ahead.reshape(time, spec.horizon, -1) if spec.known else None
    each = [None] * time if known is None else known
    wanted = Predictor(edgeseq_export.build(checkpoint)).run(x, known=known)
    content = edgeseq_export.build(checkpoint, form="step")
    predictor = Predictor(content)
    assert_agree(
        checkpoint, np.stack([predictor.step(row, known=told) for row, told in zip(x, each, strict=True)]), wanted
    )
    predictor.reset()
    assert_agree(checkpoint, predictor.run(x, known=known), wanted)
    pool = Pool(content)
    pooled = [
        pool.step({"a": row, "b": row + 1}, known=None if told is None else {"a": told})["a"]
        for row, told in zip(x, each, strict=True)
    ]
    assert_agree(checkpoint, np.stack(pooled), wanted)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_it_passes_the_parity_check_and_says_what_it_is(cell: str, quantize: str) -> None:
    made = edgeseq_export.export(make_checkpoint(cell=cell, features=2, linear_path=5), quantize, form="step")
    assert made.spec.form == "step"
    x = onnx.load_from_string(made.content).graph.input[0].type.tensor_type.shape.dim
    assert (x[0].dim_value, x[1].dim_param) == (1, "batch")


def test_it_is_leaner() -> None:
    """Five nodes fewer for the default network: no timeline is laid out, and no axis taken away again."""

    def nodes(form: str) -> int:
        return len(onnx.load_from_string(edgeseq_export.build(make_checkpoint(), form=form)).graph.node)

    assert nodes("chunk") - nodes("step") == 5


def test_it_forecasts_further_than_the_horizon_and_keeps_its_place() -> None:
    checkpoint = make_checkpoint(horizon=2)
    p, q = (Predictor(edgeseq_export.build(checkpoint, form=form)) for form in ("step", "chunk"))
    for predictor in (p, q):
        predictor.run([0.1, 0.3, 0.2])
    assert_agree(checkpoint, p.forecast(7), q.forecast(7))
    other = Predictor(open_session(p.session.content))
    other.restore(p.snapshot())
    np.testing.assert_array_equal(other.step(0.4), p.step(0.4))


def test_a_network_that_sees_windows_has_no_such_form() -> None:
    with pytest.raises(UsageError, match="form step"):
        edgeseq_export.build(make_checkpoint(layout="steps", window=4), form="step")
