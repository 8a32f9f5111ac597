"""`edgeseq info`: what a model file says of itself."""

import click

from edgeseq.commands.common import json_option, model_argument, model_file
from edgeseq_runtime.spec import Spec


@click.command()
@model_argument
@json_option
def info(model: str, *, as_json: bool) -> None:
    r"""Show what MODEL, a checkpoint or a model file, says of itself.

    \b
    edgeseq info sine.onnx
    edgeseq info sine.onnx --json
    """
    from edgeseq_runtime.session import Session

    session = Session(model_file(model), provider="cpu")
    spec = session.spec
    click.echo(spec.to_json() if as_json else "\n".join(_lines(spec, session.size)))


def _lines(spec: Spec, size: int) -> list[str]:
    pairs = [
        (
            "model file",
            f"format {spec.format}, {size:,} bytes, {spec.quantize if spec.quantize != 'none' else 'float32'}",
        ),
        ("network", f"{spec.layers} x {spec.cell} of {spec.hidden}"),
        ("forecasts", f"{', '.join(spec.targets)}; {spec.horizon} samples ahead; warm after {spec.warmup}"),
        ("trained on", f"{spec.series}" + (f", one sample every {spec.period:g} s" if spec.period else "")),
        ("missing", f"at most {spec.gap_limit} in a row are filled in"),
    ]
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
    width = max(len(name) for name, _ in pairs)
    return [f"{name.ljust(width)}  {value}" for name, value in pairs]
