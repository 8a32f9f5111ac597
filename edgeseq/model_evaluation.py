"""`edgeseq.evaluate`: a model, whatever holds it, streamed over the test part of a series."""

import os
from collections.abc import Callable
from typing import Any, Unpack

from edgeseq.evaluation.any_series import notes, spec_for
from edgeseq.evaluation.evaluate import Evaluation, evaluate_test_part
from edgeseq.evaluation.model_series import ModelSeriesKeywords, load_for_model
from edgeseq.model_source import ModelSource, as_model_file
from edgeseq.series import Parts, Series
from edgeseq_runtime.predictor import Predictor
from edgeseq_runtime.rules import AS_THEY_ARE


def evaluate(
    model: ModelSource,
    series: str | os.PathLike[str] | None = None,
    *,
    provider: str = "auto",
    key: str | os.PathLike[str] | None = None,
    adapt: bool | None = None,
    **reading: Unpack[ModelSeriesKeywords],
) -> dict[str, Any]:
    """Stream the test part of a series through a model; return the figures that `edgeseq evaluate --json` prints.

    `model` is the path of a model file, of a checkpoint or of a compiled library; a model file's bytes; or a
    checkpoint, as `fit` returns it. `series` is a file or the name of an example, as `load` takes it; None means the
    sine, for a model that was trained on it. The further arguments are the command's options: target, sensor, split,
    sort, and those that say how text is read, from time to hold. `provider` says what runs the model: auto, cpu, cuda,
    arm, native or onnxruntime's name of another. `key` is a file with an Ed25519 public key: only a model file that its
    private half signed is opened. `adapt` says whether the part is streamed once more, with adaptation from the
    validation part on, which gives the figures under "adapted"; None: where the model adapts on the device. Errors are
    in the targets' units, or standardised by the training part's deviations; None stands where nothing could be
    computed. Raises `UsageError` (an unknown provider, too), `DataError`, `ModelFileError` or `FileError`.
    """
    return evaluate_model(model, series, provider=provider, key=key, adapt=adapt, **reading).to_dict()


def evaluate_model(
    model: ModelSource,
    series: str | os.PathLike[str] | None,
    *,
    provider: str = "auto",
    key: str | os.PathLike[str] | None = None,
    adapt: bool | None = None,
    tell: Callable[[str], object] | None = None,
    **reading: Unpack[ModelSeriesKeywords],
) -> Evaluation:
    """Do what `evaluate` does, and return the forecasts with the figures; `tell` is told what reading has found."""
    predictor, data, parts = open_with_series(model, series, provider=provider, key=key, tell=tell, **reading)
    return score(predictor, data, parts, adapt=predictor.spec.adapt if adapt is None else adapt)


def open_with_series(
    model: ModelSource,
    series: str | os.PathLike[str] | None,
    *,
    provider: str,
    key: str | os.PathLike[str] | None,
    tell: Callable[[str], object] | None = None,
    **reading: Unpack[ModelSeriesKeywords],
) -> tuple[Predictor, Series, Parts]:
    """Return a model without adaptation, and the series that it is to be judged on."""
    predictor = Predictor(as_model_file(model), provider=provider, rules=AS_THEY_ARE, key=key, adapt=False)
    data, parts = load_for_model(predictor, None if series is None else os.fspath(series), **reading)
    if tell:
        for line in (*data.notes, *notes(predictor.spec, spec_for(predictor.spec, data, parts))):
            tell(line)
    return predictor, data, parts


def score(predictor: Predictor, data: Series, parts: Parts, *, adapt: bool) -> Evaluation:
    """Return the forecasts of the test part, with their figures."""
    spec = spec_for(predictor.spec, data, parts)
    return evaluate_test_part(predictor, parts, [sensor.name for sensor in data.sensors], adapt=adapt, spec=spec)
