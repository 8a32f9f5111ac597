"""A model file over the checkpoint's test part: beside the float file, and beside what needs no training."""

import math
from collections.abc import Mapping

from edgeseq.evaluation import baselines
from edgeseq.evaluation.evaluate import Comparison, Evaluation, ForecastSet, typical_predictor
from edgeseq.evaluation.learning import learners
from edgeseq.evaluation.metrics import Metrics
from edgeseq.evaluation.report_text import ADAPTED, steps_table
from edgeseq.model.checkpoint import Checkpoint
from edgeseq_export.model_file import ModelFile


def name_of(file: ModelFile) -> str:
    """Return what a file is called in tables."""
    return "float32" if file.spec.quantize == "none" else file.spec.quantize


def judge(checkpoint: Checkpoint, files: Mapping[str, ModelFile]) -> dict[str, Evaluation]:
    """Return each file's forecasts of the test part, judged; nothing where the checkpoint carries none."""
    test = checkpoint.test
    if test is None:
        return {}
    origins = test.origins(checkpoint.spec.horizon)
    others = baselines.untrained(checkpoint.spec)
    found = {}
    for name, file in files.items():
        predictor = typical_predictor(file.content)
        collected = ForecastSet.collect(predictor, others, test.values, origins, test.seconds)
        if file.spec.adapt:
            collected = collected.with_adaptation(predictor, learners(test, checkpoint.validation))
        found[name] = collected.evaluate()
    return found


def with_trained(comparison: Comparison, checkpoint: Checkpoint) -> Comparison:
    """Return a comparison with the baselines too that only training can fit: with the figures that it noted."""
    noted = checkpoint.spec.figures.baselines if checkpoint.spec.figures else {}
    trained = {
        name: Metrics(score, tuple((rmse, math.nan) for rmse in checkpoint.by_step[name].tolist()))
        for name, score in noted.items()
        if name in checkpoint.by_step and name not in comparison.baselines
    }
    baselines = {**comparison.baselines, **trained}
    return Comparison(
        comparison.samples, comparison.model, baselines, rounding=comparison.rounding, adapted=comparison.adapted
    )


def scores(judged: Mapping[str, Comparison]) -> dict[str, Metrics]:
    """Return the errors of all files and baselines, by their names in tables."""
    of_files = {name: comparison.model for name, comparison in judged.items()}
    adapted = {f"{name}, {ADAPTED}": one.adapted for name, one in judged.items() if one.adapted}
    return of_files | adapted | (dict(next(iter(judged.values())).baselines) if judged else {})


def by_step(judged: Mapping[str, Evaluation]) -> str:
    """Return the RMSE by step ahead of files and baselines as a table, for a terminal."""
    return steps_table(scores(judged), next(iter(judged.values())).decimals)
