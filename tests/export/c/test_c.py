"""The C of a model: in float it is the oracle's step function, in fixed point its NumPy reference's to the last bit."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import edgeseq_export
from edgeseq.model.checkpoint import Checkpoint
from edgeseq.reference import Oracle
from edgeseq.series.ahead import graph_inputs
from edgeseq.testing import make_checkpoint
from edgeseq_export.c import export, fixed_program, fixed_quantize, toolchain
from edgeseq_export.c.fixed_reference import FixedReference
from edgeseq_export.c.render import Sources, fixed_sources
from edgeseq_export.c.toolchain import STRICT, Compiled
from edgeseq_runtime import Predictor
from edgeseq_runtime.errors import CheckError, UsageError
from edgeseq_runtime.rules import AS_THEY_ARE
from edgeseq_runtime.spec import GAIN, OFFSET, RUNNING
from edgeseq_runtime.streaming.sensors import Scale
from edgeseq_runtime.streaming.validation import IMPUTED, MISSING, OK
from tests.export.graph.test_quantization import walked
from tests.export.test_agreement import checkpoints, random_samples, scale_of
from tests.helpers import tolerances

COMPILERS = [[name] for name in ("gcc", "clang") if shutil.which(name)]
needs_both = pytest.mark.skipif(not COMPILERS, reason="there is neither gcc nor clang here")
needs_compiler = pytest.mark.skipif(toolchain.compiler() is None, reason="there is no C compiler here")

SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")

NETWORKS = [
    pytest.param({"hidden": 30}, id="the default network"),
    pytest.param({"cell": "gru", "layers": 3, "hidden": 7}, id="three GRUs"),
    pytest.param({"cell": "rnn", "features": 3, "targets": 2, "horizon": 5, "levels": 2, "linear_path": 7}, id="RNN"),
    pytest.param({"layout": "steps", "window": 5, "features": 2, "predicts": "value"}, id="windows in steps"),
    pytest.param({"layout": "features", "window": 4, "cell": "gru", "features": 3}, id="windows in one step"),
    pytest.param({"sensors": 2, "features": 2, "targets": 2, "horizon": 3, "clocks": ("hour_sin",)}, id="a fleet"),
    pytest.param({"predicts": "value", "hidden": 1, "layers": 1}, id="a value"),
    pytest.param({"levels": 0, "linear_path": 2, "offset": -300.0}, id="changes only"),
    pytest.param({"known": 2, "features": 2, "targets": 2, "horizon": 4, "linear_path": 3}, id="known ahead"),
    pytest.param({"known": 1, "cell": "gru", "sensors": 2, "horizon": 3}, id="a fleet, known ahead"),
    pytest.param({"scaling": "running", "horizon": 5, "hidden": 10, "offset": 40.0}, id="a running scale"),
]


def sources_of(checkpoint: Checkpoint, quantize: str = "none", *, libm: bool = False) -> Sources:
    kind = export.kind_of(checkpoint, quantize, libm=libm)
    return kind.render(kind.spec, "model")


def sensor_of(checkpoint: Checkpoint) -> Scale | None:
    return Scale.by_name(checkpoint.spec, "s1") if checkpoint.spec.sensors else None


def samples_of(checkpoint: Checkpoint, time: int) -> np.ndarray:
    """A walk, of the second sensor where there are several."""
    typical = random_samples(checkpoint, time, 1)[:, 0]
    if not checkpoint.spec.sensors:
        return typical
    sensor, own = checkpoint.spec.sensors[1], slice(len(checkpoint.spec.features))
    typical[:, own] = np.array(sensor.offset) + np.array(sensor.gain) * typical[:, own]
    return typical


def exact_of(checkpoint: Checkpoint, program: fixed_program.FixedProgram, samples: np.ndarray) -> np.ndarray:
    """Return what the reference in fixed point says; a stream of a running scale is counted from its first sample."""
    if checkpoint.spec.scaling == RUNNING:
        return np.asarray(FixedReference(program).run((samples - samples[0])[:, None])[:, 0] + samples[0])
    return FixedReference(program).run(samples[:, None], sensor_of(checkpoint))[:, 0]


def oracle_of(checkpoint: Checkpoint, samples: np.ndarray) -> np.ndarray:
    oracle = Oracle(checkpoint.spec, checkpoint.weights)
    states, sensor = oracle.fresh(), sensor_of(checkpoint)
    if sensor:
        states |= {name: sensor.states()[name].astype(np.float64) for name in (OFFSET, GAIN)}
    return oracle.run(samples[:, None], states)[0][:, 0]


def agrees(
    checkpoint: Checkpoint, made: np.ndarray, wanted: np.ndarray, tolerance: float = tolerances.C_FROM_ORACLE
) -> bool:
    allowed = tolerance * scale_of(checkpoint) + np.spacing(np.abs(wanted).astype(np.float32))
    return bool((np.abs(made - wanted) <= allowed).all())


@needs_both
@pytest.mark.parametrize("choices", NETWORKS)
def test_ten_thousand_steps_of_float_are_the_oracles(choices: dict[str, Any]) -> None:
    checkpoint = make_checkpoint(**choices)
    samples = samples_of(checkpoint, 10_000)
    wanted = oracle_of(checkpoint, samples)
    for command in COMPILERS:
        with Compiled(sources_of(checkpoint), checkpoint.spec, command) as compiled:
            status, made = compiled.stream(samples, sensor_of(checkpoint))
        assert agrees(checkpoint, made, wanted), command
        assert not status.any()


@needs_both
@pytest.mark.parametrize("choices", NETWORKS)
def test_fixed_point_is_its_reference_to_the_last_bit(choices: dict[str, Any]) -> None:
    """Whatever the compiler is told to optimise, and where it may fuse a product with a sum."""
    checkpoint = walked(**choices)
    samples = samples_of(checkpoint, 2_000)
    made = fixed_quantize.program(checkpoint)
    wanted = exact_of(checkpoint, made, samples)
    for command in COMPILERS:
        for flags in (("-std=gnu11", "-O3", "-march=native"), (*STRICT, *SANITIZED)):
            with Compiled(fixed_sources(made, "model"), checkpoint.spec, command, flags=flags) as compiled:
                found = compiled.stream(samples, sensor_of(checkpoint))[1]
            assert np.array_equal(found.view(np.int32), wanted.view(np.int32)), (command, flags)


@needs_compiler
@settings(max_examples=10)
@given(checkpoint=checkpoints(known=(0, 2)), libm=st.booleans())
def test_any_network_is_clean_under_the_sanitizers_and_the_oracles(checkpoint: Checkpoint, libm: bool) -> None:
    """As near as the graph must be: random networks may be chaotic, and these have samples far from zero."""
    samples = random_samples(checkpoint, 40, 1)[:, 0]
    command = toolchain.compiler()
    assert command
    sources = sources_of(checkpoint, libm=libm)
    with Compiled(sources, checkpoint.spec, command, flags=(*STRICT, *SANITIZED)) as compiled:
        made = compiled.stream(samples)[1]
    wanted = Oracle(checkpoint.spec, checkpoint.weights).run(samples[:, None])[0][:, 0]
    assert agrees(checkpoint, made, wanted, tolerances.ORACLE)


@needs_compiler
@settings(max_examples=10)
@given(
    checkpoint=checkpoints(known=(0, 2)),
    size=st.sampled_from([0.0, 0.01, 1.0, 30.0]),
    jump=st.sampled_from([1.0, 1e3, 1e30]),
)
def test_fixed_point_overflows_nowhere(checkpoint: Checkpoint, size: float, jump: float) -> None:
    """With weights from none to huge and samples that leap: clean under the sanitizers, and as the reference says."""
    weights = {name: (size * value).astype(np.float32) for name, value in checkpoint.weights.items()}
    checkpoint = replace(checkpoint, weights=weights)
    samples = random_samples(checkpoint, 60, 1)[:, 0]
    samples[20:30] *= np.float32(jump)
    samples = np.clip(samples, -1e3, 1e3)
    made = fixed_quantize.program(checkpoint)
    wanted = exact_of(checkpoint, made, samples)
    command = toolchain.compiler()
    assert command
    sources = fixed_sources(made, "model")
    with Compiled(sources, checkpoint.spec, command, flags=(*STRICT, *SANITIZED)) as compiled:
        found = compiled.stream(samples, sensor_of(checkpoint))[1]
    assert np.array_equal(found, wanted)


@needs_compiler
@pytest.mark.parametrize("choices", NETWORKS)
def test_a_missing_sample_leads_to_what_the_predictor_does(choices: dict[str, Any]) -> None:
    """Not a number, infinite or too large: the forecast stands in, a few times in a row, then the stream is new."""
    checkpoint = make_checkpoint(gap_limit=2, **choices)
    samples = samples_of(checkpoint, 300)
    random = np.random.default_rng(0)
    absent = random.random(samples.shape) < 0.2
    absent[:2], absent[100:105] = True, True
    samples[absent] = random.choice(np.array([np.nan, np.inf, -np.inf, 3e38], np.float32), absent.sum())
    predictor = Predictor(edgeseq_export.build(checkpoint), rules=AS_THEY_ARE, sensor=sensor_of(checkpoint))
    wanted, statuses = [], []
    spec = checkpoint.spec
    for sample in samples:
        own, ahead = np.split(sample, [len(spec.features)])
        known = ahead.reshape(spec.horizon, -1) if spec.known else None
        wanted.append(predictor.step(own, known=known).reshape(-1))
        statuses.append(predictor.status)
    command = toolchain.compiler()
    assert command
    with Compiled(sources_of(checkpoint), checkpoint.spec, command) as compiled:
        status, made = compiled.stream(samples, sensor_of(checkpoint))
    assert [(OK, IMPUTED, MISSING)[code] for code in status] == statuses
    assert {OK, IMPUTED, MISSING} == set(statuses)
    np.testing.assert_allclose(
        made, np.array(wanted), atol=tolerances.C_FED_BACK * scale_of(checkpoint).max(), rtol=1e-5
    )


@needs_compiler
@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("choices", [*NETWORKS, {"horizon": 24, "adapt": True, "season": 7}])
def test_the_header_says_how_large_a_state_is(choices: dict[str, Any], quantize: str, tmp_path: Path) -> None:
    sources = sources_of(walked(**choices), quantize)
    (told,) = re.findall(r"in the state, ([\d,]+) bytes", sources.header)
    check = f'#include "model.h"\ntypedef char as_told[sizeof(model_state) == {told.replace(",", "")} ? 1 : -1];\n'
    for name, text in (sources.files() | {"check.c": check}).items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    toolchain.run_checked([*command, *STRICT, "-c", str(tmp_path / "check.c"), "-o", str(tmp_path / "check.o")])


@needs_compiler
@pytest.mark.parametrize("quantize", export.KINDS)
@pytest.mark.parametrize("choices", [*NETWORKS, {"horizon": 24, "adapt": True, "season": 7}])
def test_no_name_hides_another(choices: dict[str, Any], quantize: str, tmp_path: Path) -> None:
    """Firmware is often compiled with -Wshadow -Werror."""
    for name, text in sources_of(walked(**choices), quantize).files().items():
        (tmp_path / name).write_text(text)
    command = toolchain.compiler()
    assert command
    toolchain.run_checked([*command, *STRICT, "-Wshadow", "-fsyntax-only", str(tmp_path / "model.c")])


@needs_compiler
@pytest.mark.parametrize("quantize", export.KINDS)
def test_the_self_test_passes_and_finds_one_wrong_weight(tmp_path: Path, quantize: str) -> None:
    sources = sources_of(walked(), quantize)
    assert self_test(sources, tmp_path) == 0
    at = sources.source.index("] = {\n", sources.source.index("r2[" if quantize == "int8" else "w2[")) + 6
    first = sources.source[at:].split(",", 1)[0]
    other = "100" if quantize == "int8" else "0.9f"
    changed = sources.source[:at] + sources.source[at:].replace(first, f"    {other}", 1)
    assert self_test(replace(sources, source=changed), tmp_path) > 0


def self_test(sources: Sources, folder: Path) -> int:
    """How many forecasts of its own vector the C finds wrong."""
    main = '#include "model.h"\n#include <stdio.h>\nint main(void) { printf("%d", model_self_test()); return 0; }\n'
    for name, text in (sources.files() | {"main.c": main}).items():
        (folder / name).write_text(text)
    command = toolchain.compiler()
    assert command
    units = [str(folder / name) for name in ("main.c", "model.c")]
    toolchain.run_checked([*command, *STRICT, "-DMODEL_SELF_TEST", *units, "-o", str(folder / "main"), "-lm"])
    return int(toolchain.run_checked([str(folder / "main")]))


@needs_compiler
def test_c_that_deviates_is_not_written(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    other = replace(checkpoint, weights=make_checkpoint(seed=1, horizon=3).weights)
    wrong = Oracle(other.spec, other.weights)
    monkeypatch.setattr(export, "Oracle", lambda *_: wrong)
    with pytest.raises(CheckError, match="the C deviates from its reference by"):
        export.export(checkpoint, "model")


@needs_compiler
def test_a_compiler_that_fails_is_quoted(monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint) -> None:
    monkeypatch.setenv("CC", "cc -Dfloat=wrong")
    with pytest.raises(CheckError, match=r"cc fails on the C of the model: .*error"):
        export.export(checkpoint, "model")


def test_without_a_compiler_the_c_is_there_and_was_not_compared(
    monkeypatch: pytest.MonkeyPatch, checkpoint: Checkpoint
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    made = export.export(checkpoint, "model")
    assert (made.compiler, made.deviation) == (None, None)
    assert "void model_reset(model_state *s)" in made.sources.source


@needs_compiler
def test_names_of_sensors_cannot_leave_their_comment() -> None:
    """Whatever a column is called, the C compiles without a warning."""
    names = ['*/ #error "out" /*', "a\\", "??/\n#error", "µm // °C"]
    made = make_checkpoint(features=4, targets=2)
    features = tuple(
        replace(feature, name=name, unit="*/") for feature, name in zip(made.spec.features, names, strict=True)
    )
    spec = replace(made.spec, features=features, targets=tuple(names[:2]), series="*/\n#error */")
    assert export.export(replace(made, spec=spec), "model").deviation is not None


@pytest.mark.parametrize("name", ["x-2", "2x", "", "_x", "x y", "é"])
def test_a_name_that_c_cannot_have_is_refused(name: str, checkpoint: Checkpoint) -> None:
    with pytest.raises(UsageError, match="begins all names in the C"):
        export.export(checkpoint, name)


@pytest.mark.parametrize("quantize", ["int4", "int8-dynamic"])
def test_other_quantisations_are_refused(quantize: str, checkpoint: Checkpoint) -> None:
    with pytest.raises(UsageError, match=f"C is float or int8, not {quantize}"):
        export.export(checkpoint, "model", quantize)


def test_a_network_too_wide_for_its_sums_is_refused() -> None:
    with pytest.raises(UsageError, match="at most 512 columns in a matrix; this network has 513"):
        fixed_quantize.program(make_checkpoint(hidden=513, layers=1))


@pytest.mark.parametrize(
    ("value", "bits", "wanted"), [(3, 1, 2), (-3, 1, -1), (5, 2, 1), (6, 2, 2), (-6, 2, -1), (7, 0, 7)]
)
def test_shifts_round_to_the_nearest_and_halves_up(value: int, bits: int, wanted: int) -> None:
    """By hand: 3/2 becomes 2, -3/2 becomes -1, 6/4 becomes 2."""
    assert fixed_program.shifted(np.array(value), bits) == wanted


def test_the_tables_activations_are_near_the_true_ones() -> None:
    """Off by 2 of 32,768 at most. Beyond 8 the sigmoid is that of 8, and tanh beyond 4 that of 4: 22 below 1."""
    reference = FixedReference(fixed_quantize.program(walked()))
    sums = np.arange(-40_000, 40_000)
    z = sums / (1 << fixed_program.SUM)
    sigmoid, tanh = (made(sums) / (1 << fixed_program.UNIT) for made in (reference._sigmoid, reference._tanh))
    unit = 1 / (1 << fixed_program.UNIT)
    assert np.abs(sigmoid - 1 / (1 + np.exp(-np.clip(z, -8, 8)))).max() < 2 * unit
    assert np.abs(tanh - np.tanh(np.clip(z, -4, 4))).max() < 3 * unit
    assert np.abs(tanh - np.tanh(z)).max() < 24 * unit


@pytest.mark.parametrize("choices", NETWORKS)
def test_fixed_point_forecasts_nearly_as_float_does(choices: dict[str, Any]) -> None:
    """Over the test part, relative to the target's deviation. Measured: 0.001 to 0.01."""
    checkpoint = walked(**choices)
    assert checkpoint.test
    spec, values = checkpoint.spec, checkpoint.test.values
    samples = graph_inputs(values, len(spec.features), spec.horizon)[checkpoint.test.start :]
    wanted = Oracle(checkpoint.spec, checkpoint.weights).run(samples[:, None])[0][20:, 0]
    made = FixedReference(fixed_quantize.program(checkpoint)).run(samples[:, None])[20:, 0]
    assert np.sqrt(np.mean(np.square((made - wanted) / scale_of(checkpoint)))) < 0.02
