"""`edgeseq info`: what a model file says of itself."""

import json
from typing import TYPE_CHECKING

import click

from edgeseq.commands.learned import adapted_steps, in_words, of_state
from edgeseq.commands.options.common import json_option, key_option, model_argument
from edgeseq.commands.options.provider import Libraries, library_option, register
from edgeseq.model.about import about
from edgeseq.model_source import as_model_file
from edgeseq_runtime.printable import printable
from edgeseq_runtime.spec import STEP, Spec

if TYPE_CHECKING:
    from edgeseq_runtime.backends.base import Session
    from edgeseq_runtime.model_file.source import Source


@click.command()
@model_argument
@click.option("--provider", metavar="NAME", help="Show also which operators run where; auto: also which one is chosen.")
@library_option
@click.option(
    "--state",
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE",
    help="Show also what the streams in this state file, of predict, have learned.",
)
@key_option
@json_option
def info(
    model: str, *, provider: str | None, libraries: Libraries, state: str | None, key: str | None, as_json: bool
) -> None:
    r"""Show what MODEL, a checkpoint or a model file, contains: network, series, errors, versions.

    \b
    edgeseq info sine.onnx
    edgeseq info sine.onnx --provider auto
    edgeseq info sine.onnx --state sine.state
    edgeseq info sine.onnx --json
    """
    from edgeseq_runtime.model_file.source import vouched

    register(libraries)
    opened = as_model_file(model)
    source = vouched(opened, provider=provider or "auto", key=key)
    assert source.spec is not None, "a file without a spec is not vouched for"
    session = _open(source, provider) if provider else None
    learned = of_state(session or _open(source, "auto"), state) if state else {}
    if as_json:
        fields = json.loads(source.spec.to_json())
        if session:
            fields.update(providers=session.providers, placement=session.placement, seconds_a_step=session.measured)
        if state:
            fields["learned"] = {
                name: {"samples": one.taught, "adapted": adapted_steps(one)}
                | ({"season": one.season} if one.season else {})
                for name, one in learned.items()
            }
        click.echo(json.dumps(fields, ensure_ascii=False))
        return
    pairs = [_file_line(source.spec, len(source.content), is_checkpoint=isinstance(opened, bytes)), *about(source.spec)]
    pairs += _provider_lines(session) if session else []
    pairs += [(name or "state", in_words([one])) for name, one in learned.items()]
    named = [(printable(name, 200), printable(value)) for name, value in pairs]
    width = max(len(name) for name, _ in named)
    for name, value in named:
        click.echo(f"{name.ljust(width)}  {value}")


def _open(source: "Source", provider: str) -> "Session":
    from edgeseq_runtime.backends.open import open_session

    return open_session(source, provider=provider)


def _provider_lines(session: "Session") -> list[tuple[str, str]]:
    """Say which operators run where, and why there."""
    measured = [f"{name} {1e6 * seconds:.0f}" for name, seconds in session.measured.items()]
    where = [
        (f"on {name}", ", ".join(f"{count} {operator}" for operator, count in sorted(operators.items())))
        for name, operators in session.placement.items()
    ]
    return [
        ("provider", session.providers[0]),
        *([("measured", f"{', '.join(measured)} microseconds per step")] if measured else []),
        *[("left out", why) for why in session.left_out.values()],
        *(where or [("runs where", "unknown: this onnxruntime does not tell")]),
    ]


def _file_line(spec: Spec, size: int, *, is_checkpoint: bool) -> tuple[str, str]:
    """Say what the file is; `size` is that of the model file that it is, or becomes."""
    if is_checkpoint:
        return "checkpoint", f"edgeseq export makes a model file of it, of {size:,} bytes"
    kind = spec.quantize if spec.quantize != "none" else "float32"
    alone = ", one sample in a call" if spec.form == STEP else ""
    return "model file", f"format {spec.format}, {size:,} bytes, {kind}{alone}"
