"""`edgeseq update`: a model learns from what came since, and is compared with itself as it was."""

import json
from functools import partial
from typing import TYPE_CHECKING

import click

from edgeseq.commands.notes import note
from edgeseq.commands.options.common import json_option, key_option, model_argument, resume_path
from edgeseq.commands.options.evaluation import evaluation_options
from edgeseq.commands.options.training import device_option, learning_rate_option, seed_option, steps_option
from edgeseq_runtime.errors import DataError, UsageError
from edgeseq_runtime.spec import RUNNING

if TYPE_CHECKING:
    from edgeseq.evaluation.model_series import ModelSeriesKeywords
    from edgeseq.evaluation.old_and_new import Verdict
    from edgeseq.model.checkpoint import Checkpoint
    from edgeseq.series import Parts
    from edgeseq_runtime.spec import Spec

NOT_RECOMMENDED = 3
"""The exit code where the new model is written, and is not better than the old one."""


@click.command()
@model_argument
@evaluation_options
@steps_option("as many as in training")
@learning_rate_option
@seed_option
@device_option
@click.option("--resume", is_flag=True, help="Continue the interrupted update, if there is one.")
@key_option
@json_option
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False), help="Checkpoint to write.")
def update(
    model: str,
    *,
    series: str | None,
    reading: "ModelSeriesKeywords",
    steps: int | None,
    learning_rate: float | None,
    seed: int,
    device: str,
    resume: bool,
    key: str | None,
    as_json: bool,
    output: str,
) -> int:
    r"""Train MODEL, a checkpoint or a float model file, further on what SERIES has that is newer than its training.

    The settings are those of its training. The newest samples are held out: the new model and the old one are compared
    on them. The last line says which is better. The new checkpoint is written in any case; where it is not better by
    more than chance, the exit code is 3.

    \b
    edgeseq update boiler.safetensors boiler.csv -o boiler-2.safetensors
    edgeseq update boiler.onnx since-may.csv -o new.safetensors
    edgeseq export new.safetensors -o new.onnx
    """
    from edgeseq.commands import train_run
    from edgeseq.model_source import as_model_file
    from edgeseq.training import updating
    from edgeseq.training.distributed import ProcessGroup
    from edgeseq.training.fine_tuning import Pretrained
    from edgeseq_runtime.predictor import Predictor
    from edgeseq_runtime.rules import AS_THEY_ARE

    if series is None:
        raise UsageError("update needs a SERIES: what has come since the training")
    outputs = train_run.Outputs(output, plot=None, tensorboard=None)
    outputs.check([series])
    start = Pretrained.read(model, key)
    if start.spec.scaling == RUNNING:
        raise UsageError(f"{model} is a model for any sensor: fit it with edgeseq train SERIES --from {model}")
    old = Predictor(as_model_file(model), provider="cpu", rules=AS_THEY_ARE, key=key)
    new = updating.load_new(old, series, reading)
    note(new.note)
    options = start.adopt(updating.options_of(start.spec, new.parts, steps, learning_rate), ())
    return train_run.train(
        new.series,
        new.parts,
        options,
        outputs,
        ProcessGroup(),
        resume=resume,
        seed=seed,
        device=device,
        begin=start,
        conclude=partial(_conclude, model, start.spec, as_json=as_json),
    )


def _conclude(
    model: str, known: "Spec", checkpoint: "Checkpoint", parts: "Parts", output: str, *, as_json: bool
) -> int:
    """Write the new checkpoint, compare it with the old model, and say which is better."""
    import edgeseq_export
    from edgeseq.commands.train_run import decisions
    from edgeseq.evaluation import old_and_new
    from edgeseq.model_source import as_model_file
    from edgeseq.training import fitting, updating
    from edgeseq_runtime.model_file.source import vouched

    for line in decisions(checkpoint.spec):
        note(line)
    try:
        checkpoint = fitting.judge(checkpoint, parts).checkpoint
        verdict = old_and_new.compare(vouched(as_model_file(model)).content, edgeseq_export.build(checkpoint), parts)
    except DataError as error:
        verdict, reason = None, error
    updating.with_sensors(checkpoint, known).save(output)
    resume_path(output).unlink(missing_ok=True)
    note(f"wrote {output}")
    if verdict is None:
        note(f"not recommended: the models cannot be compared: {reason}")
        return NOT_RECOMMENDED
    if as_json:
        click.echo(json.dumps(verdict.to_dict(), allow_nan=False))
    else:
        click.echo(table_of(verdict))
    (note if as_json else click.echo)(last_line(verdict, model, output))
    return 0 if verdict.is_better else NOT_RECOMMENDED


def table_of(verdict: "Verdict") -> str:
    """Return the errors of both models, static and adapted, for a terminal."""
    from edgeseq.text import number, table

    rows = [
        (f"{name} model, {kind}", *map(number, vars(score).values())) for (name, kind), score in verdict.scores.items()
    ]
    header = (f"newest part, {verdict.samples} forecasts", "RMSE", "MAE", "MSE (std.)", "MAE (std.)")
    return table(header, rows)


def last_line(verdict: "Verdict", model: str, output: str) -> str:
    """Return which model is to be used, and why."""
    from edgeseq.text import number

    old, new = (number(verdict.score(which).rmse) for which in ("old", "new"))
    kinds = "" if set(verdict.as_used) == {"static"} else " ({}, {})".format(*verdict.as_used)
    by = f"{100 * abs(verdict.lower):.1f} % {'lower' if verdict.lower > 0 else 'higher'}"
    figures = f"RMSE {new} instead of {old}{kinds} on the newest {verdict.samples} forecasts, squared error {by}"
    if verdict.is_better:
        return f"the new model is better: {figures}; next: edgeseq export {output} -o MODEL.onnx"
    if verdict.certainty < -verdict.needed:
        return f"the new model is worse: {figures}; keep {model}"
    return f"the new model is not better than chance explains: {figures}; keep {model}"
