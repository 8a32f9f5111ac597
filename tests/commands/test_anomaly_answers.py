"""The same samples are as surprising, and raise the same alarms, whichever way they come."""

import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import edgeseq_export
from edgeseq.testing import make_checkpoint
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.io import influx
from edgeseq_runtime.outcomes import Outcomes, StepResult
from edgeseq_runtime.spec import Residuals
from tests.conftest import Answer, CommandLine
from tests.helpers.broker import Broker, Peer, Service, end_all, wait_until

RATE = 0.001
BEGIN, PERIOD = 1_700_000_000, 60
COUNT = 900
"""Samples: from the 513th on a file's are taken in blocks."""

SPIKES = (300, 720)
"""Samples with a value far from what comes before it, the second farther than the first."""

ABSENT = (350, 351, 650)


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    end_all()


@dataclass(frozen=True)
class Surprises:
    """What is said of samples about how surprising they are."""

    p_values: np.ndarray
    """(sample, target + 1), the last of all together; NaN where there is none."""
    anomalies: list[str]


Way = Callable[[Path, np.ndarray], Surprises]


def written_model(folder: Path, targets: int) -> Path:
    made = make_checkpoint(features=targets, targets=targets, horizon=2, period=float(PERIOD))
    residuals = Residuals((0.05, 0.25, 0.5, 0.75, 0.95), (((-0.4, -0.2, 0.0, 0.2, 0.4),) * targets,) * 2)
    path = folder / "model.onnx"
    path.write_bytes(edgeseq_export.build(replace(made, spec=replace(made.spec, residuals=residuals))))
    return path


def written_samples(targets: int) -> np.ndarray:
    """Return samples (sample, target) of noise about a level, with values that are far off and some that lack."""
    chance = np.random.default_rng(7)
    values = chance.normal(0.0, 0.1, (COUNT, targets)).round(4)
    values[list(SPIKES), -1] += 1.5, 4.0
    values[list(ABSENT)] = np.nan
    return values


@pytest.fixture(params=[1, 2], ids=["one target", "two targets"])
def targets(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def model(tmp_path: Path, targets: int) -> Path:
    return written_model(tmp_path, targets)


@pytest.fixture
def samples(targets: int) -> np.ndarray:
    return written_samples(targets)


@pytest.fixture
def stepped(model: Path, samples: np.ndarray) -> Surprises:
    """What a predictor says, sample by sample."""
    p = Predictor(model, anomalies=RATE)
    found, words = [], []
    for at, sample in enumerate(samples):
        p.step(sample, BEGIN + PERIOD * at)
        found.append([*p.p_values, np.nan if p.p_value is None else p.p_value])
        words.append(p.anomaly)
    return Surprises(np.array(found, np.float32), words)


def assert_same(found: Surprises, wanted: Surprises) -> None:
    """Forecasts of blocks, pools and steps may differ in the last digits, and so may p-values in the fourth."""
    assert found.anomalies == wanted.anomalies
    np.testing.assert_array_equal(np.isnan(found.p_values), np.isnan(wanted.p_values))
    np.testing.assert_allclose(found.p_values, wanted.p_values, rtol=1e-3)


def of_outcomes(outcomes: Outcomes) -> Surprises:
    assert outcomes.p_values is not None
    return Surprises(outcomes.p_values, [result.anomaly for result in outcomes])


def of_lines(lines: list[dict[str, Any]], targets: int) -> Surprises:
    """Return what JSON lines say; those of one target alone say it once."""
    assert all("p_value" in line and ("p_values" in line) == (targets > 1) for line in lines)
    found = [[*(line["p_values"].values() if targets > 1 else [line["p_value"]]), line["p_value"]] for line in lines]
    assert not any(line.get("anomaly") == "" for line in lines)
    return Surprises(np.array(found, np.float64).astype(np.float32), [line.get("anomaly", "") for line in lines])


def test_surprises_are_what_they_should_be(stepped: Surprises) -> None:
    """The spikes raise alarms and are the least likely; samples that lack, and no others once warm, have no p-value."""
    together = stepped.p_values[:, -1]
    assert [stepped.anomalies[at] for at in SPIKES] == ["spike", "spike"]
    assert (together[list(SPIKES)] < RATE).all()
    assert sum(map(bool, stepped.anomalies)) <= 4
    lacking = np.flatnonzero(np.isnan(together[50:])) + 50
    assert set(ABSENT) <= set(lacking.tolist()) <= set(ABSENT) | {at + 1 for at in ABSENT}


def test_pool_and_blocks(model: Path, samples: np.ndarray, stepped: Surprises) -> None:
    """A stream of a pool beside another one, by arrays and by name, and a predictor's block."""
    times = [float(BEGIN + PERIOD * at) for at in range(COUNT)]
    blocks = Predictor(model, anomalies=RATE).process(samples, times)
    assert_same(of_outcomes(blocks), stepped)
    pool, named = (Pool(model, anomalies=RATE) for _ in range(2))
    pool.add("a", "b")
    found, words, results = [], [], list[StepResult]()
    for sample, time in zip(samples, times, strict=True):
        pool.step_array(np.stack([sample, sample + 0.01]), time)
        found.append([*pool.p_values[0], pool.p_value[0]])
        words.append(str(pool.anomaly[0]))
        results += named.process({"c": sample}, time)
    assert_same(Surprises(np.array(found, np.float32), words), stepped)
    assert_same(of_outcomes(Outcomes.of(results, blocks.forecasts.shape[1:])), stepped)


def as_json(at: int, sample: np.ndarray) -> str:
    values = {f"f{target}": value if np.isfinite(value) else None for target, value in enumerate(sample.tolist())}
    return json.dumps({"t": BEGIN + PERIOD * at, **values})


def as_row(at: int, sample: np.ndarray) -> str:
    return ",".join([str(BEGIN + PERIOD * at), *("" if np.isnan(value) else repr(value) for value in sample.tolist())])


def as_point(at: int, sample: np.ndarray) -> str:
    values = [str(value) if np.isfinite(value) else '"nan"' for value in sample.tolist()]
    cells = ",".join(f"f{target}={value}" for target, value in enumerate(values))
    return f"plant,boiler=a {cells} {BEGIN + PERIOD * at}000000000"


def test_json_lines_from_a_file_and_from_a_pipe(
    edgeseq: CommandLine, model: Path, samples: np.ndarray, targets: int, stepped: Surprises, tmp_path: Path
) -> None:
    lines = "".join(as_json(at, sample) + "\n" for at, sample in enumerate(samples))
    (tmp_path / "samples.jsonl").write_text(lines)
    options = ("--anomaly-rate", RATE, "--join-wait", "none")
    stored = edgeseq.must("predict", model, "--input", tmp_path / "samples.jsonl", *options)
    words = [sys.executable, "-m", "edgeseq", "predict", str(model), *map(str, options)]
    piped = subprocess.run(words, input=lines, capture_output=True, text=True, check=True, timeout=120)
    counts = Counter(filter(None, stepped.anomalies))
    told = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    for out, err in ((stored.out, stored.err), (piped.stdout, piped.stderr)):
        assert_same(of_lines([json.loads(line) for line in out.splitlines()], targets), stepped)
        assert "lower" not in out
        assert f"; anomalies: {told};" in err


def test_rows_in_and_rows_out(
    edgeseq: CommandLine, model: Path, samples: np.ndarray, targets: int, stepped: Surprises, tmp_path: Path
) -> None:
    source = tmp_path / "samples.csv"
    header = ",".join(["t", *(f"f{target}" for target in range(targets))])
    source.write_text("\n".join([header, *(as_row(at, sample) for at, sample in enumerate(samples))]) + "\n")
    out = edgeseq.must("predict", model, "--input", source, "--format", "csv", "--anomaly-rate", RATE).out
    rows = list(csv.DictReader(out.splitlines()))
    names = ["f0_p_value", "f1_p_value"] if targets > 1 else ["p_value"]
    found = [[float(row[name] or "nan") for name in [*names, "p_value"]] for row in rows]
    assert_same(Surprises(np.array(found, np.float32), [row["anomaly"] for row in rows]), stepped)


def test_line_protocol(
    edgeseq: CommandLine, model: Path, samples: np.ndarray, targets: int, stepped: Surprises, tmp_path: Path
) -> None:
    """Of two series that take turns; what there is none of is no field."""
    source = tmp_path / "samples.line"
    lines = [
        line for at, sample in enumerate(samples) for line in (as_point(at, sample), f"plant,boiler=b f0={at % 7}")
    ]
    source.write_text("\n".join(lines) + "\n")
    options = ("--input-format", "influx", "--format", "influx", "--join-wait", "none")
    out = edgeseq.must("predict", model, "--input", source, *options, "--anomaly-rate", RATE).out
    said = [influx.parse(line) for line in out.splitlines() if "boiler=a" in line]
    names = ["f0_p_value", "f1_p_value"] if targets > 1 else ["p_value"]
    found = [[point.fields.get(name, np.nan) for name in [*names, "p_value"]] for point in said]
    words = [str(point.fields.get("anomaly", '""')).strip('"') for point in said]
    assert_same(Surprises(np.array(found, np.float32), words), stepped)


def test_mqtt(model: Path, samples: np.ndarray, targets: int, stepped: Surprises, tmp_path: Path) -> None:
    """Two topics; the messages wait in the session, so that many are taken together."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    broker = Broker(tmp_path / "broker")
    options = ("--anomaly-rate", str(RATE), "--join-wait", "none")
    service = Service(broker, model, *options).wait_for_subscription(broker)
    peer = Peer(broker, "forecasts/+")
    for at, sample in enumerate(samples):
        for name in "ab":
            peer.publish(f"plant/{name}", as_json(at, sample))
    wait_until(lambda: len(peer.messages) >= 2 * COUNT, "no forecasts")
    assert service.stop() == 0
    for name in "ab":
        answers = [message for topic, message, _ in peer.messages if topic == f"forecasts/{name}"]
        assert_same(of_lines(answers, targets), stepped)


@pytest.mark.parametrize("kind", ["csv", "influx"])
def test_who_goes_on_from_a_state_says_what_one_run_says(edgeseq: CommandLine, tmp_path: Path, kind: str) -> None:
    """To the digit, of one stream and of named ones; a state of a run without anomalies is gone on from with a note."""
    model, samples = written_model(tmp_path, 1), written_samples(1)[:400]
    header, line = (["t,f0"], as_row) if kind == "csv" else ([], as_point)
    options = ("--input-format", "influx" if kind == "influx" else "auto", "--anomaly-rate", RATE)

    def run(first: int, last: int, *more: object) -> Answer:
        source = tmp_path / "part"
        source.write_text("\n".join([*header, *(line(at, samples[at]) for at in range(first, last))]) + "\n")
        return edgeseq.must("predict", model, "--input", source, "--join-wait", "none", *more)

    unbroken, state = run(0, 400, *options), ("--state", tmp_path / "state")
    begun, resumed = run(0, 150, *options, *state), run(150, 400, *options, *state)
    assert begun.out + resumed.out == unbroken.out
    assert "anomalies begin as at first" not in resumed.err
    plain = (*options[:2], "--state", tmp_path / "plain")
    run(0, 150, *plain)
    assert (
        "samples; anomalies begin as at first, since the state holds nothing of them"
        in run(150, 400, *options, *plain[2:]).err
    )


def test_a_rate_of_time_is_that_of_the_models_period(edgeseq: CommandLine, tmp_path: Path) -> None:
    """0.06 an hour is 0.001 a sample of a minute; and who asks for one of a model without a period is told so."""
    model, source = written_model(tmp_path, 1), tmp_path / "samples.csv"
    source.write_text("\n".join(["t,f0", *(as_row(at, sample) for at, sample in enumerate(written_samples(1)[:400]))]))
    by_sample, by_time = (
        edgeseq.must("predict", model, "--input", source, "--anomaly-rate", rate).out for rate in ("0.001", "0.06/hour")
    )
    assert by_time == by_sample
    assert '"anomaly": "spike"' in by_time
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(edgeseq_export.build(make_checkpoint(horizon=2)))
    failed = edgeseq("predict", bare, "--input", source, "--anomaly-rate", "1/week")
    assert failed.code == 2
    assert "does not know how far apart samples are" in failed.err


def test_nothing_is_said_where_nobody_asks(edgeseq: CommandLine, tmp_path: Path) -> None:
    """Lines and summary of a plain run have no word of anomalies; with them there are none of intervals."""
    source = tmp_path / "samples.csv"
    source.write_text("\n".join(["t,f0", *(as_row(at, sample) for at, sample in enumerate(written_samples(1)[:9]))]))
    found = edgeseq.must("predict", written_model(tmp_path, 1), "--input", source)
    assert "p_value" not in found.out
    assert "anomal" not in found.out + found.err
    asked = edgeseq.must("predict", written_model(tmp_path, 1), "--input", source, "--anomalies")
    assert asked.out.count('"p_value": ') == 9
    assert "drift" not in asked.out
    assert "; anomalies: " in asked.err
