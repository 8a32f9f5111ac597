"""What a spec says, in words: pairs of a name and a line, for a terminal and for the head of exported code."""

from edgeseq.text import counted
from edgeseq_runtime.spec import Feature, Spec

_SHOWN_SENSORS = 10

Lines = list[tuple[str, str]]


def about(spec: Spec) -> Lines:
    """Return what a person wants to know of a model."""
    period = f", one sample every {spec.period:g} s" if spec.period else ""
    lines = [
        ("network", spec.network),
        ("forecasts", f"{', '.join(spec.targets)}; {counted(spec.horizon, 'sample')} ahead; warm after {spec.warmup}"),
        ("trained on", f"{spec.series}{period}"),
        ("missing", f"at most {spec.gap_limit} in a row are filled in"),
    ]
    if spec.sensors:
        lines.append(("sensors", f"{_sensors(spec)}; what follows is in the typical one's numbers"))
    lines += [(feature.name, _feature(feature)) for feature in spec.features]
    if spec.figures:
        scores = {"test RMSE": spec.figures.model, **spec.figures.baselines}
        lines += [(name, f"{score.rmse:.4g}") for name, score in scores.items()]
    lines.append(("made by", ", ".join(f"{name} {version}" for name, version in spec.producer.items())))
    lines.append(("data", f"SHA-256 {spec.data_sha256[:16]}... (of the training part)"))
    return lines


def _sensors(spec: Spec) -> str:
    names = ", ".join(sensor.name for sensor in spec.sensors[:_SHOWN_SENSORS])
    more = len(spec.sensors) - _SHOWN_SENSORS
    return f"{names} and {more} more" if more > 0 else names


def _feature(feature: Feature) -> str:
    unit = f" {feature.unit}" if feature.unit else ""
    seen = "level and change" if feature.level else "change"
    return f"{feature.minimum:g} to {feature.maximum:g}{unit} in training; the network sees its {seen}"
