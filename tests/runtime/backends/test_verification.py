"""`edgeseq verify`: passes what is right, whatever its shape, and never a NaN."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_export.signing import finalize
from edgeseq_runtime.backends.base import Session
from edgeseq_runtime.backends.open import open_session
from edgeseq_runtime.backends.verification import deviations, passed, state_checksum
from edgeseq_runtime.spec import Spec, Verification
from tests.conftest import CommandLine


class Change(Protocol):
    def __call__(self, vector: Verification | None = None, *, nan: str | None = None) -> Path: ...


def vector_of(session: Session) -> Verification:
    assert session.spec.verification is not None
    return session.spec.verification


@pytest.fixture
def changed(model: bytes, tmp_path: Path) -> Change:
    """Write the model file with another vector, or with a constant in which every number is NaN; return its path.

    Its hash is that of the changed file: what is wrong with it is to be found in another way.
    """

    def change(vector: Verification | None = None, *, nan: str | None = None) -> Path:
        proto = onnx.load_from_string(model)
        spec = Spec.from_json(next(entry.value for entry in proto.metadata_props if entry.key == "edgeseq"))
        if vector:
            spec = replace(spec, verification=vector)
        for constant in proto.graph.initializer:
            if constant.name == nan:
                value = numpy_helper.to_array(constant)
                constant.CopyFrom(numpy_helper.from_array(np.full_like(value, np.nan), nan))
        path = tmp_path / "changed.onnx"
        path.write_bytes(finalize(proto, spec)[0])
        return path

    return change


def test_a_file_is_within_what_is_allowed_and_says_so(edgeseq: CommandLine, model_path: Path) -> None:
    result = json.loads(edgeseq.must("verify", model_path, "--json").out)
    assert result["passed"] is True
    assert set(result["deviation"]) == {"in steps", "in a chunk", "states"}
    assert all(0 <= deviation <= 1 for deviation in result["deviation"].values())
    assert result["engines"] == {"CPUExecutionProvider": result["deviation"]}
    assert "is unchanged (SHA-256" in edgeseq.must("verify", model_path).out


def test_any_flipped_bit_is_found(edgeseq: CommandLine, model: bytes, tmp_path: Path) -> None:
    """Wherever it is: the file is damaged, or its hash is another one. Forecasts alone would show few of them."""
    path = tmp_path / "flipped.onnx"
    random = np.random.default_rng(0)
    for at in random.integers(len(model), size=60).tolist():
        content = bytearray(model)
        content[at] ^= 1 << int(random.integers(8))
        path.write_bytes(content)
        assert edgeseq("verify", path).code == 1, at


@pytest.mark.parametrize("state", ["last", "h1", "c1", "h2", "c2"])
def test_a_state_that_is_off_is_found(model: bytes, changed: Change, state: str) -> None:
    """As it is where a graph passes on something else than it should."""
    vector = vector_of(open_session(model))
    number, most = vector.states[state]
    off = replace(vector, states={**vector.states, state: (number + 2 * most, most)})
    found = deviations(open_session(changed(off)))
    assert found["states"] > 1
    assert found["in a chunk"] <= 1


def test_a_state_as_one_number_by_hand() -> None:
    assert state_checksum([[2.0], [-1.0]]) == pytest.approx(2 * np.cos(1) - np.cos(2))


def test_three_samples_will_do(edgeseq: CommandLine, model: bytes, changed: Change) -> None:
    vector = vector_of(open_session(model))
    path = changed(Verification(vector.x[:3], vector.y[:3], vector.tolerance))
    edgeseq.must("verify", path)


def test_many_outputs_have_a_short_vector(edgeseq: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "long.onnx"
    path.write_bytes(edgeseq_export.export(make_checkpoint(features=2, targets=2, horizon=12)).content)
    assert len(vector_of(open_session(path)).x) == 3
    edgeseq.must("verify", path)


def test_without_tolerance_only_the_last_place_of_float32_is_allowed(model: bytes, changed: Change) -> None:
    """As for a target of deviation zero. Forecasts that are wrong by one part in a million are noticed."""
    session = open_session(model)
    vector = vector_of(session)
    y, _ = session.advance(np.array(vector.x, np.float32)[:, None], session.fresh())
    exact = tuple(tuple(float(value) for value in row) for row in y[:, 0])
    assert deviations(open_session(changed(Verification(vector.x, exact, (0.0,)))))["in a chunk"] == 0
    wrong = tuple(tuple(value * (1 + 1e-6) for value in row) for row in exact)
    assert not passed(deviations(open_session(changed(Verification(vector.x, wrong, (0.0,))))))


def test_a_forecast_that_is_nan_fails_and_the_json_is_json(edgeseq: CommandLine, changed: Change) -> None:
    path = changed(nan="head_bias")
    answer = edgeseq("verify", path, "--json")
    assert answer.code == 1
    result = json.loads(answer.out, parse_constant=pytest.fail)
    assert result["passed"] is False
    assert result["deviation"]["in steps"] is None
    assert result["deviation"]["in a chunk"] is None
    assert "computes something else here: it deviates by nan times" in edgeseq("verify", path).err


@pytest.mark.parametrize(
    ("found", "wanted"), [((0.1, 1.0), True), ((0.1, 1.1), False), ((0.1, np.nan), False), ((np.nan, 0.1), False)]
)
def test_nan_passes_in_no_place(found: tuple[float, float], wanted: bool) -> None:
    assert passed(dict(zip(("in steps", "in a chunk"), found, strict=True))) is wanted


def test_a_file_without_a_vector_cannot_be_verified(edgeseq: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "bare.onnx"
    path.write_bytes(edgeseq_export.build(make_checkpoint()))
    answer = edgeseq("verify", path)
    assert answer.code == 1
    assert answer.err == "edgeseq: the model file carries no verification vector\n"
