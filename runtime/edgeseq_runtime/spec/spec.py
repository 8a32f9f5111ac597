"""What a model file says of itself: its fields, checked, what follows from them, and their JSON.

The spec travels as JSON, in the header of a checkpoint and in the metadata of a model file. Field names
are the JSON's keys.
"""

import json
import typing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

from edgeseq_runtime import strict_json
from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import checks, json_form
from edgeseq_runtime.spec.fields import SpecFields
from edgeseq_runtime.spec.format import FIRST_FORMAT, FORMAT, OWN, RUNNING
from edgeseq_runtime.spec.inputs import Feature


@dataclass(frozen=True)
class Spec(SpecFields):
    """Everything that a runtime must know of a model, and what its user wants to."""

    def __post_init__(self) -> None:
        checks.check_structure(self)
        if self.verification:
            checks.check_verification(self, self.verification, self.inputs, self.outputs)

    @cached_property
    def target_features(self) -> tuple[Feature, ...]:
        """The features that are targets."""
        return self.features[: len(self.targets)]

    @cached_property
    def measured(self) -> tuple[Feature, ...]:
        """The features that come from sensors; those read off the time stand behind them."""
        return tuple(feature for feature in self.features if not feature.clock)

    @cached_property
    def known_reading(self) -> Reading:
        """How the series' text was read, as far as the file knows: of one by version 0.1, the time column."""
        return self.reading or Reading(time=(self.time,) if self.time else ())

    @cached_property
    def is_timed(self) -> bool:
        """Whether samples go by their times; else by their order, and a time is nothing but a name for a sample."""
        sees_time = any(feature.clock for feature in self.features)
        return self.period is not None or self.time is not None or sees_time or self.learns_period

    @property
    def learns_period(self) -> bool:
        """Whether each stream has a period of its own, which its first times tell."""
        return self.scaling == RUNNING and self.period is None

    @property
    def has_gains(self) -> bool:
        """Whether each stream has a size of its own, in multiples of which it is judged."""
        return bool(self.sensors) or self.scaling == RUNNING

    @property
    def takes_any(self) -> bool:
        """Whether it was trained on no sensor's series: each name under which samples have numbers is then a stream."""
        return self.scaling == RUNNING and not self.data_sha256

    def called(self, name: str) -> Self:
        """Return the same for a series that is called so, of a model that takes any; "" leaves the name."""
        if not name:
            return self
        return replace(self, features=(replace(self.features[0], name=name),), targets=(name,))

    @property
    def network(self) -> str:
        """The network in words, for people."""
        if self.cell == OWN:
            return "own"
        path = f", linear path over {self.linear_path} changes" if self.linear_path else ""
        seen = f", seeing windows of {self.window}" if self.window else ""
        return f"{self.layers} x {self.cell} of {self.hidden}{seen}{path}"

    @property
    def outputs(self) -> int:
        """Numbers in one forecast: horizon times targets."""
        return self.horizon * len(self.targets)

    @cached_property
    def inputs(self) -> int:
        """Numbers in one sample as the graph takes it: the features, then the known columns at each step ahead.

        Of the latter the column runs fastest: step ahead k (from 0) and column j are at features + k * columns + j.
        """
        return len(self.features) + self.ahead

    @property
    def ahead(self) -> int:
        """Numbers of these that are known ahead."""
        return self.horizon * len(self.known)

    @cached_property
    def input_features(self) -> tuple[Feature, ...]:
        """What each of these numbers is."""
        return (*self.features, *self.known * self.horizon)

    @property
    def binds(self) -> bool:
        """Whether there is something that an older reader, which would not know it, must obey."""
        return bool(self.known or self.adapt or self.scaling == RUNNING or (self.reading and self.reading.binds))

    def without_adaptation(self) -> Self:
        """Return the spec of the same model that forecasts as it was trained."""
        figures = replace(self.figures, adapted=None) if self.figures else None
        return replace(self, adapt=False, figures=figures)

    def to_json(self) -> str:
        """Return the spec as compact JSON, without what is as it is by default."""
        content = json_form.encode(self) | {"format": FORMAT if self.binds else FIRST_FORMAT}
        return json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec. Raises `ModelFileError`, which names the first field that is wrong."""
        try:
            content = strict_json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelFileError("the spec is not JSON") from error
        except ValueError as error:
            raise ModelFileError(f"the spec is not JSON that can be read: {error}") from error
        if not isinstance(content, dict):
            raise ModelFileError("the spec is not a JSON object")
        version = content.get("format")
        if type(version) is not int or version < 1:
            raise ModelFileError(f"the spec's format is {shown(version)}, not a version number")
        if version > FORMAT:
            raise ModelFileError(
                f"the file has format {version}; this version of edgeseq reads up to format {FORMAT}: upgrade it"
            )
        spec = typing.cast("Self", json_form.decode(cls, content, "spec"))
        checks.check_numbers(spec)
        return spec
