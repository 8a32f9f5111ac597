"""Networks of any size with random weights: no time and no memory depends on what they are."""

from dataclasses import dataclass

import numpy as np

import edgeseq_export
from edgeseq.model import architecture
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.c import native
from edgeseq_runtime.spec import CHUNK, Feature, Spec


@dataclass(frozen=True)
class Network:
    """Stacked LSTMs over one feature's level and change; as it stands, the default network."""

    hidden: int = 30
    layers: int = 2
    horizon: int = 1

    @property
    def spec(self) -> Spec:
        """Statistics of a series around zero, as wide as one."""
        feature = Feature("v", "", mean=0, std=1, change=0.1, minimum=-3, maximum=3, level=True, center=0, scale=1)
        return Spec(
            series="made_up",
            features=(feature,),
            period=None,
            targets=("v",),
            horizon=self.horizon,
            target_scales=((0.1,),) * self.horizon,
            warmup=1,
            gap_limit=3,
            cell="lstm",
            layers=self.layers,
            hidden=self.hidden,
            split="0.7:0.1:0.2",
        )

    def checkpoint(self) -> Checkpoint:
        """Return it with random weights."""
        random, bound = np.random.default_rng(0), self.hidden**-0.5
        shapes = architecture.weight_shapes(self.spec)
        weights = {name: random.uniform(-bound, bound, shape).astype(np.float32) for name, shape in shapes.items()}
        return Checkpoint(self.spec, weights)

    def file(self, form: str = CHUNK) -> bytes:
        """Return its model file."""
        return edgeseq_export.build(self.checkpoint(), form=form)

    def library(self) -> bytes:
        """Return its C, compiled, as the provider "native" loads it."""
        return native.build(self.file())

    @property
    def weight_bytes(self) -> int:
        """Of its weights as float32, which every call reads."""
        return 4 * architecture.parameter_count(self.spec)

    @property
    def state_bytes(self) -> int:
        """Of one stream's h and c."""
        return 4 * 2 * self.layers * self.hidden

    @property
    def operations(self) -> int:
        """Multiplications and additions that a sample takes: two for each weight."""
        return 2 * architecture.parameter_count(self.spec)


DEFAULT = Network()
