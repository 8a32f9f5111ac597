"""Hyper-parameters: files know them by the names of version 0.1, and so does a run's id."""

from dataclasses import fields, replace

import numpy as np
import pytest

from edgeseq.series import Part
from edgeseq.series.gaps import fill
from edgeseq.testing import make_spec
from edgeseq.training.distributed import ProcessGroup
from edgeseq.training.hyperparameters import RECORDED_NAMES, HyperParameters
from edgeseq.training.trainer import Trainer
from edgeseq_runtime.spec import Spec


def trainer(spec: Spec, hyperparameters: HyperParameters) -> Trainer:
    """A run on eighty samples that any computer computes alike."""
    values = (np.arange(80, dtype=np.float32) * 37 % 101 / 8)[:, None].astype(np.float32)
    spec = replace(spec, producer={"edgeseq": "0"})
    part, group = Part(values, 60), ProcessGroup()
    return Trainer(spec, hyperparameters, fill(values[:60]), part, seed=7, device="cpu", group=group)


def test_every_field_has_a_recorded_name() -> None:
    """In the order of the fields: a run's digest depends on it."""
    assert list(RECORDED_NAMES) == [field.name for field in fields(HyperParameters)]


def test_a_spec_records_the_settings_as_version_0_1_does() -> None:
    assert HyperParameters.choose(0.25, 3, steps=5).options() == {
        "optimizer": "adamw",
        "learning_rate": 0.005,
        "rise": 1,
        "beta2": 0.99,
        "weight_decay": 0.075,
        "clip": 1.0,
        "batch": 16,
        "unroll": 100,
        "restart": 0.2,
        "noise": 0.075,
        "copies": False,
        "buffer": 10_000,
        "average": 0.99,
        "validations": 20,
        "keep": "best",
    }


@pytest.mark.parametrize(
    ("spec", "hyperparameters", "run_id"),
    [
        (make_spec(hidden=4), HyperParameters.choose(0.25, 3, steps=5), "b7dfcd3a2ce66b04"),
        (make_spec(hidden=4), HyperParameters.choose(0.0, 3, linear_recurrence=True, steps=5), "04c9692df39861e7"),
        (
            make_spec(hidden=4, layout="features", window=3, predicts="value"),
            HyperParameters.classic(5),
            "7612ab13aeaa8b80",
        ),
    ],
    ids=["stream", "copies", "classic"],
)
def test_a_run_has_the_id_that_version_0_1_gives_it(spec: Spec, hyperparameters: HyperParameters, run_id: str) -> None:
    """Computed with version 0.1: what it has interrupted goes on, and what it has finished is not trained again."""
    assert trainer(spec, hyperparameters).run_id == run_id
