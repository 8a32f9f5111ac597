"""What is in a payload: samples, and what becomes of one that cannot be read."""

from dataclasses import replace
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq.commands.predict.mqtt.left_out import brief
from edgeseq.commands.predict.options import ERROR, SKIP
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.any_json import AnyJson
from edgeseq_runtime.io.json_samples import JsonSamples
from edgeseq_runtime.io.sample import LONGEST, OtherKindError, Sample
from edgeseq_runtime.mqtt.deduplication import UNSETTLED, Message
from edgeseq_runtime.printable import shown
from edgeseq_runtime.reading import lines

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeseq_runtime.io.json_samples import Parsed
    from edgeseq_runtime.spec import Spec

_MOST_SAMPLES = UNSETTLED // 2
"""Samples in one message."""


class UnreadableError(DataError):
    """A payload over which the user wants an end."""


class Payloads:
    """Reads payloads as samples. `unreadable` says what becomes of one that is none."""

    def __init__(
        self, spec: "Spec", unreadable: str, paths: "Mapping[str, str] | None", *, reads_times: bool = True
    ) -> None:
        self._spec, self._unreadable = spec, unreadable
        self._samples = JsonSamples(spec, paths=paths)
        self._any = (
            AnyJson(replace(spec.known_reading, id=""), paths, note, timed=reads_times) if spec.takes_any else None
        )
        self._sensors: dict[str, str] = {}  # by topic, whose its first sample was, where payloads say so

    def read(self, message: Message, line: int) -> list[Sample]:
        """Return the samples in a payload, whose message is the `line`-th one.

        Of a model for any sensor each number in it is one. Raises `OtherKindError` for one that is to be left out, and
        `UnreadableError` where the user wants an end.
        """
        topic = message.topic
        try:
            if self._any:
                return self._of_any(self._any, message, line)
            found = self._all(message)
        except DataError as error:
            if self._unreadable == ERROR:
                raise UnreadableError(str(error)) from error
            if isinstance(error, OtherKindError) or self._unreadable == SKIP:
                raise OtherKindError(str(error)) from error
            note(f"{brief(topic)}: {error}; taken as missing", "payloads taken as missing")
            nothing = (None,) * len(self._spec.measured)
            return [Sample(line, None, nothing, str(error), stream=topic)]
        for one in found:
            if one.stream and one.stream != (first := self._sensors.setdefault(topic, one.stream)):
                both = f"{shown(first)} and {shown(one.stream)}"
                note(f"{brief(topic)}: a topic is one stream, and has samples of {both}", "topics of several sensors")
        return [
            Sample(line, one.time, one.values, stream=topic, lacks=one.lacks, known=one.known, now=one.now)
            for one in found
        ]

    def _of_any(self, samples: AnyJson, message: Message, line: int) -> list[Sample]:
        """Return a sample for each number in a payload; one that cannot be read costs the others nothing."""
        found = samples.samples(self._text(message), line, message.topic)
        if len(found) > _MOST_SAMPLES:
            raise DataError(f"{len(found)} samples in one message; at most {_MOST_SAMPLES}")
        problem = next((sample.problem for sample in found if sample.problem), None)
        if problem and self._unreadable == ERROR:
            raise DataError(problem)
        if problem:
            outcome = "left out" if self._unreadable == SKIP else "taken as missing"
            note(f"{brief(message.topic)}: {problem}; {outcome}", f"values {outcome}")
            found = [sample for sample in found if not (sample.problem and self._unreadable == SKIP)]
        if not found:
            raise OtherKindError("no number in it")
        return found

    def _text(self, message: Message) -> str:
        if len(message.payload) > LONGEST:
            raise DataError(f"the payload is larger than {LONGEST} bytes")
        return lines.decode(message.payload)[0].strip()

    def _all(self, message: Message) -> "list[Parsed]":
        """Return the samples in a payload, at least one."""
        found = self._samples.all(self._text(message))
        if len(found) > _MOST_SAMPLES:
            raise DataError(f"{len(found)} samples in one message; at most {_MOST_SAMPLES}")
        if not found:  # whose key says so
            raise OtherKindError(f"{self._spec.known_reading.id} names no stream")
        return found
