"""What a spec says, in words: pairs of a name and a line, for a terminal and for the head of exported code."""

from edgeseq.text import duration, every, moment
from edgeseq_runtime.printable import counted, listed, shown
from edgeseq_runtime.reading.reading import Reading
from edgeseq_runtime.spec import Feature, Spec

_SHOWN_SENSORS = 10

Lines = list[tuple[str, str]]


def about(spec: Spec) -> Lines:
    """Return what a person wants to know of a model."""
    lines = [
        ("network", spec.network),
        ("forecasts", f"{', '.join(spec.targets)}: {_samples(spec, spec.horizon)} ahead"),
        ("warm-up", f"{_samples(spec, spec.warmup)} before a forecast counts"),
        ("trained on", trained_on(spec)),
        ("missing", f"up to {spec.gap_limit} in a row are filled in; a longer gap needs a new warm-up"),
    ]
    if spec.reading:
        lines.append(("text", reading(spec.reading)))
    if spec.sensors:
        lines.append(("sensors", f"{_sensors(spec)}; the lines below are those of the typical one"))
    if spec.takes_any:
        lines.append(("samples", "one number each, in any unit; each column is a stream of its own"))
    else:
        lines += [(feature.name, _feature(feature)) for feature in spec.features]
    lines += [(column.name, _known(column)) for column in spec.known]
    adapts = "forecasts go on learning on the device" if spec.adapt else "off; forecasts stay as trained"
    lines.append(("adaptation", adapts))
    if spec.figures:
        unit = unit_of(spec)
        lines.append(("test RMSE", f"{spec.figures.model.rmse:.3g} {unit}".rstrip()))
        if spec.figures.adapted:
            lines.append(("adapted", f"{spec.figures.adapted.rmse:.3g} {unit}".rstrip() + " (test RMSE)"))
        baselines = spec.figures.baselines.items()
        lines += [(name, f"{score.rmse:.3g} {unit}".rstrip() + " (baseline)") for name, score in baselines]
    lines.append(("made by", ", ".join(f"{name} {version}" for name, version in spec.producer.items())))
    if spec.data_sha256:
        lines.append(("data", f"SHA-256 {spec.data_sha256[:16]}... (of the training part)"))
    return lines


def reading(how: Reading) -> str:
    """Return how the text of samples is written, and what becomes of them before the network sees them."""
    zone = how.zone or "UTC"
    told = "with their zone" if how.zoned else f"in {zone}"
    written = f" as {how.time_format}" if how.time_format else ""
    times = f"times in {' and '.join(how.time)}{written}, {told}" if how.time else "no times"
    said = [
        times,
        "decimal comma" if how.decimal == "," else "",
        f"{shown(how.thousands)} between thousands" if how.thousands else "",
        f"missing: {listed(how.missing)}" if how.missing else "",
        f"no header: {listed(how.header)}" if how.header else "",
        f"sensors by {how.id}" if how.id else "",
        f"{how.aggregate} of each {duration(how.every)}" if how.every else "",
        f"a value holds for {duration(how.hold)}" if how.hold else "",
    ]
    return "; ".join(filter(None, said))


def unit_of(spec: Spec) -> str:
    """Return the unit that all targets have; empty where they have none, or several."""
    units = {feature.unit for feature in spec.target_features}
    return units.pop() if len(units) == 1 else ""


def trained_on(spec: Spec) -> str:
    """Return the series and, where they are known, the dates of the training part and the samples' rate."""
    if spec.takes_any:
        return "made-up series of many kinds"
    dates = None
    if spec.first_time is not None and spec.last_time is not None:
        dates = f"{moment(spec.first_time)} to {moment(spec.last_time)}"
    rate = f"{every(spec.period)}" if spec.period else None
    return ", ".join(filter(None, [spec.series, dates, rate]))


def _samples(spec: Spec, count: int) -> str:
    """Return a number of samples and, where it is known, how long they take."""
    time = f" ({duration(count * spec.period)})" if spec.period and count else ""
    return f"{counted(count, 'sample')}{time}"


def _sensors(spec: Spec) -> str:
    names = ", ".join(sensor.name for sensor in spec.sensors[:_SHOWN_SENSORS])
    more = len(spec.sensors) - _SHOWN_SENSORS
    return f"{names} and {more} more" if more > 0 else names


def _known(column: Feature) -> str:
    unit = f" {column.unit}" if column.unit else ""
    return f"{column.minimum:g} to {column.maximum:g}{unit} in training; known ahead, over the horizon"


def _feature(feature: Feature) -> str:
    unit = f" {feature.unit}" if feature.unit else ""
    seen = "level and changes" if feature.level else "changes only"
    return f"{feature.minimum:g} to {feature.maximum:g}{unit} in training; network input: {seen}"
