"""`edgeseq info`: what a model file says of itself."""

import json
from typing import TYPE_CHECKING

import click

from edgeseq.commands.common import json_option, library_option, model_argument, model_file
from edgeseq_runtime.spec import STEP, Spec

if TYPE_CHECKING:
    from edgeseq_runtime.session import Session


@click.command()
@model_argument
@click.option("--provider", metavar="NAME", help="Show also what runs where on this one, or which one auto keeps.")
@library_option
@json_option
def info(model: str, *, provider: str | None, as_json: bool) -> None:
    r"""Show what MODEL, a checkpoint or a model file, says of itself.

    \b
    edgeseq info sine.onnx
    edgeseq info sine.onnx --provider auto
    edgeseq info sine.onnx --json
    """
    from edgeseq_runtime.session import Session

    session = Session(model_file(model), provider=provider or "cpu")
    if as_json:
        said = json.loads(session.spec.to_json())
        if provider:
            said.update(providers=session.providers, placement=session.placement, seconds_a_step=session.measured)
        click.echo(json.dumps(said, ensure_ascii=False))
        return
    pairs = _spec_lines(session.spec, len(session.content)) + (_provider_lines(session) if provider else [])
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        click.echo(f"{name.ljust(width)}  {value}")


def _provider_lines(session: "Session") -> list[tuple[str, str]]:
    """Say which operators run where, and why there."""
    measured = [f"{name} {1e6 * seconds:.0f}" for name, seconds in session.measured.items()]
    where = [
        (f"on {name}", ", ".join(f"{count} {operator}" for operator, count in sorted(operators.items())))
        for name, operators in session.placement.items()
    ]
    return [
        ("provider", session.providers[0]),
        *([("measured", f"{', '.join(measured)} microseconds a step")] if measured else []),
        *[("left out", why) for why in session.left_out.values()],
        *(where or [("runs where", "this onnxruntime does not tell")]),
    ]


def _spec_lines(spec: Spec, size: int) -> list[tuple[str, str]]:
    pairs = [
        (
            "model file",
            f"format {spec.format}, {size:,} bytes, {spec.quantize if spec.quantize != 'none' else 'float32'}"
            + (", one sample in a call" if spec.form == STEP else ""),
        ),
        ("network", spec.network),
        ("forecasts", f"{', '.join(spec.targets)}; {spec.horizon} samples ahead; warm after {spec.warmup}"),
        ("trained on", f"{spec.series}" + (f", one sample every {spec.period:g} s" if spec.period else "")),
        ("missing", f"at most {spec.gap_limit} in a row are filled in"),
    ]
    if spec.sensors:
        names = ", ".join(sensor.name for sensor in spec.sensors[:10])
        more = f" and {len(spec.sensors) - 10} more" if len(spec.sensors) > 10 else ""
        pairs.append(("sensors", f"{names}{more}; what follows is in the typical one's numbers"))
    for feature in spec.features:
        unit = f" {feature.unit}" if feature.unit else ""
        seen = "level and change" if feature.level else "change"
        pairs.append(
            (
                feature.name,
                f"{feature.minimum:g} to {feature.maximum:g}{unit} in training; the network sees its {seen}",
            )
        )
    if spec.figures:
        scores = {"test RMSE": spec.figures.model, **spec.figures.baselines}
        pairs += [(name, f"{score.rmse:.4g}") for name, score in scores.items()]
    pairs.append(("made by", ", ".join(f"{name} {version}" for name, version in spec.producer.items())))
    pairs.append(("data", f"SHA-256 {spec.data_sha256[:16]}... (of the training part)"))
    return pairs
