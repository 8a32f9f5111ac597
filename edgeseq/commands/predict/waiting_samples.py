"""Samples of many streams that have come together: they are taken, and their lines written, at once.

What comes out is what comes of one line after the other, in the order of the input.
"""

import time
from typing import TYPE_CHECKING

from edgeseq.commands.notes import note
from edgeseq_runtime.errors import DataError, EdgeseqError, TooManyStreamsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from edgeseq.commands.predict.formats import Format
    from edgeseq.commands.predict.output import Output
    from edgeseq.commands.predict.parts import Parts
    from edgeseq.commands.predict.state_file import StateFile
    from edgeseq.commands.predict.stats import Stats
    from edgeseq_runtime.io.text_lines import Sample
    from edgeseq_runtime.outcomes import StepResult
    from edgeseq_runtime.service.named_streams import NamedStreams
    from edgeseq_runtime.service.streams import State

_MOST = 256
"""Samples that are taken at once."""


class WaitingSamples:
    """Gathers samples, and answers them when there is nothing more to read.

    `check` says what is to be said of a line that is no sample and returns it, of no stream where it is left out; or
    raises; `watch` says it of one that was taken.
    """

    def __init__(
        self,
        streams: "NamedStreams",
        parts: "Parts",
        check: "Callable[[Sample], Sample]",
        watch: "Callable[[Sample, StepResult], None]",
        output_format: "Format",
        output: "Output",
        state_file: "StateFile",
        stats: "Stats",
    ) -> None:
        self._streams, self._parts, self._check, self._watch = streams, parts, check, watch
        self._format, self._output, self._state_file, self._stats = output_format, output, state_file, stats
        self._waiting: list[Sample] = []

    def answer(self, samples: "Iterator[Sample]") -> None:
        """Answer all samples; whoever reads their lines calls `flush` before it waits for more of them.

        Raises `DataError` where a sample is to end it, when what comes before is written.
        """
        for sample in samples:
            for whole in self._parts.join(sample):
                self._add(whole)
        for part in self._parts.rest():
            self._add(part)
        self._answer_all()

    def flush(self) -> None:
        """Answer what waits, and parts of samples that have waited for the rest for long enough."""
        for part in self._parts.due():
            self._add(part)
        self._answer_all()

    def _add(self, sample: "Sample") -> None:
        try:
            checked = self._check(sample)
        except DataError:
            self._answer_all()
            raise
        self._waiting.append(checked)
        if len(self._waiting) >= (self._state_file.room or _MOST):
            self._answer_all()

    def _answer_all(self) -> None:
        while waiting := self._waiting[: min(_MOST, self._state_file.room or _MOST)]:
            del self._waiting[: len(waiting)]
            self._answer(waiting)

    def _answer(self, waiting: "list[Sample]") -> None:
        begin = time.perf_counter()
        named = [(at, name) for at, sample in enumerate(waiting) if (name := sample.stream) is not None]
        states: dict[int, State] = {}
        answers = self._streams.step_all(
            [(name, waiting[at].values, waiting[at].moment, waiting[at].known) for at, name in named],
            (lambda taken, state: states.__setitem__(named[taken][0], state)) if self._state_file.active else None,
        )
        texts, error = self._texts(waiting, dict(zip([at for at, _ in named], answers, strict=True)))
        self._write(waiting, texts, states)
        for (at, _), answer in zip(named, answers, strict=True):
            if at < len(texts) and not isinstance(answer, EdgeseqError):
                self._stats.add(answer, 0.0)
        self._stats.add_time(time.perf_counter() - begin)
        if error:
            raise error

    def _texts(
        self, waiting: "list[Sample]", answers: "dict[int, StepResult | EdgeseqError]"
    ) -> tuple[list[str | None], DataError | None]:
        """Return what is written for each sample, up to one that ends it; and the error that it does so with."""
        texts: list[str | None] = []
        for at, sample in enumerate(waiting):
            answer = answers.get(at)
            if isinstance(answer, TooManyStreamsError):
                note(f"line {sample.line}: {answer}; left out", kind="lines left out")
            elif isinstance(answer, EdgeseqError):
                return texts, DataError(f"line {sample.line}: {answer}")
            elif answer is not None:
                self._watch(sample, answer)
                texts.append(self._format.line(sample, answer))
                continue
            texts.append(self._format.passthrough(sample))
        return texts, None

    def _write(self, waiting: "list[Sample]", texts: list[str | None], states: "dict[int, State]") -> None:
        """Write the lines, and acknowledge the samples whose lines are out in full, whatever happens."""
        before, end, count = self._output.written, 0, 0
        try:
            self._output.write_all(text for text in texts if text is not None)
        finally:
            for at, text in enumerate(texts):
                end += 0 if text is None else text.count("\n") + 1
                if end > self._output.written - before:
                    break
                if at in states:
                    self._streams.acknowledge(waiting[at].stream or "", states[at])
                    count += 1
        if self._state_file.active:
            self._state_file.save_if_due(count)
