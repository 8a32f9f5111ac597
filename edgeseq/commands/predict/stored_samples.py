"""Samples that are there already, in a file: many are taken, and their lines written, at once.

What comes out is bit by bit what comes of one line after the other: forecasts, errors, notes and their order, and after
which samples the state is saved.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from edgeseq_runtime.errors import DataError, EdgeseqError, MissingSampleError
from edgeseq_runtime.outcomes import Outcomes

if TYPE_CHECKING:
    from edgeseq.commands.predict.formats import Format
    from edgeseq.commands.predict.output import Output
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.service.single_stream import SingleStream

Chunk = Sequence["Sample"]

_MOST = 256
"""Samples that are taken at once."""

BY_STEPS = 512
"""Samples before blocks are tried: to find out whether they are exact costs as much as some hundred steps."""


class StoredSamples:
    """Answers samples of one stream.

    `step` takes one of them, and says what is to be said of it; `watch` says it of several that were taken otherwise.
    """

    def __init__(
        self,
        stream: "SingleStream",
        step: "Callable[[Sample], StepResult]",
        watch: "Callable[[Chunk, Outcomes], None]",
        output_format: "Format",
        output: "Output",
        state_file: "StateFile",
    ) -> None:
        self._stream, self._step, self._watch = stream, step, watch
        self._format, self._output, self._state_file = output_format, output, state_file
        self._shape = (stream.spec.horizon, len(stream.spec.targets))
        self._taken = 0

    def answer(self, samples: "Iterator[Sample]") -> "Iterator[tuple[Chunk, Outcomes, float]]":
        """Yield the samples whose lines are written, what became of them and how many seconds that took.

        Raises what `step` and `samples` do, when what comes before is written.
        """
        error: EdgeseqError | None = None
        while error is None:
            chunk, error = _gathered(islice(samples, min(_MOST, self._state_file.room or _MOST)))
            if not chunk:
                break
            begin = time.perf_counter()
            outcomes = self._in_block(chunk)
            if outcomes is None:
                outcomes, found = self._by_steps(chunk)
                error = found or error
            chunk = chunk[: len(outcomes)]
            self._taken += len(chunk)
            self._write(chunk, outcomes)
            yield chunk, outcomes, time.perf_counter() - begin
        if error:
            raise error

    def _in_block(self, chunk: Chunk) -> Outcomes | None:
        """Take samples in few calls; None, and all as before, where that is not possible or something is odd."""
        if self._taken < BY_STEPS or any(sample.problem for sample in chunk):
            return None
        try:
            outcomes = self._stream.process(
                [sample.values for sample in chunk],
                [sample.time for sample in chunk],
                [sample.known for sample in chunk],
            )
        except (DataError, MissingSampleError):
            return None
        if outcomes:
            self._watch(chunk, outcomes)
        return outcomes

    def _by_steps(self, chunk: Chunk) -> tuple[Outcomes, EdgeseqError | None]:
        """Take samples one by one, up to an error."""
        results: list[StepResult] = []
        error: EdgeseqError | None = None
        try:
            for sample in chunk:
                results.append(self._step(sample))  # noqa: PERF401 - those before an error count
        except EdgeseqError as found:
            error = found
        return Outcomes.of(results, self._shape), error

    def _write(self, chunk: Chunk, outcomes: Outcomes) -> None:
        """Write the lines, and acknowledge as many as were written, whatever happens."""
        before = self._output.written
        try:
            self._output.write_all(self._format.lines(chunk, outcomes))
        except BaseException:
            if self._state_file.active:
                self._stream.take_back()
                for sample in chunk[: self._output.written - before]:
                    self._stream.step("", sample.values, sample.time, sample.known)
                    self._stream.acknowledge("")
            raise
        if self._state_file.active and chunk:
            self._stream.acknowledge("")
            self._state_file.save_if_due(len(chunk))


def _gathered(samples: "Iterator[Sample]") -> "tuple[list[Sample], EdgeseqError | None]":
    """Return samples up to an error."""
    chunk: list[Sample] = []
    try:
        for sample in samples:
            chunk.append(sample)  # noqa: PERF402 - those before an error count
    except EdgeseqError as error:
        return chunk, error
    return chunk, None
