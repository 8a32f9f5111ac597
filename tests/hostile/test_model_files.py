"""Model files that were damaged or made to do harm: refused before an engine sees them, in one line."""

import json
import os
import random
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import edgeseq_export
from edgeseq.model import architecture
from edgeseq.testing import make_checkpoint, make_spec
from edgeseq_export.c import native
from edgeseq_export.graph.builder import metadata
from edgeseq_runtime import Pool, Predictor
from edgeseq_runtime.backends.ort import session as ort
from edgeseq_runtime.errors import EdgeseqError, ModelFileError, UsageError
from edgeseq_runtime.model_file import onnx_file
from edgeseq_runtime.model_file.public_key import PublicKey
from edgeseq_runtime.model_file.source import Source
from edgeseq_runtime.sidecar import Sidecar
from edgeseq_runtime.spec import LIMITS, STEP, Spec
from tests.conftest import CommandLine
from tests.helpers import audit
from tests.helpers.keys import write_keys
from tests.helpers.model_files import sealed, sealed_by_hand, spec_text, unsealed

FLOAT = TensorProto.FLOAT
NOTHING_RUNS = "an engine was given a file that should have been refused"


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail where onnxruntime would be given a file."""

    def fail(*_: object, **__: object) -> None:
        pytest.fail(NOTHING_RUNS)

    monkeypatch.setattr(ort, "create_inference_session", fail)


@pytest.fixture(scope="module")
def int8() -> bytes:
    """A model file as large as that of the sine, with weights of eight bits."""
    return edgeseq_export.export(make_checkpoint(hidden=30), "int8").content


def flipped(content: bytes, at: int) -> bytes:
    damaged = bytearray(content)
    damaged[at] ^= 1 << at * 5 % 8
    return bytes(damaged)


def signature_of(content: bytes) -> range:
    """Where a signature's characters stand, which its hash does not bind."""
    spec = Source.read(content).spec
    assert spec is not None
    start = content.index(f'"signature":"{spec.signature}"'.encode()) + len('"signature":"')
    return range(start, start + 88)


# Damage


@pytest.mark.parametrize("every", [97, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.usefixtures("no_engine")
def test_no_byte_can_be_flipped_unseen(int8: bytes, every: int) -> None:
    """One bit of each byte: neither a predictor nor a pool opens the file, and no engine sees it."""
    for at in range(0, len(int8), every):
        damaged = flipped(int8, at)
        for kind in (Predictor, Pool):
            with pytest.raises(ModelFileError):
                kind(damaged)


def test_with_a_key_the_signature_is_bound_too(tmp_path: Path) -> None:
    """Each bit of it, and each byte of its place; without the key some bits of it are free, and no others."""
    private, public = write_keys(tmp_path, "own")
    content = edgeseq_export.export(make_checkpoint(), key=private).content
    key = PublicKey.read(public)
    assert Source.read(content).complaint(key) is None
    for at in signature_of(content):
        for bit in range(8):
            damaged = bytearray(content)
            damaged[at] ^= 1 << bit
            with pytest.raises(ModelFileError):
                Source.read(bytes(damaged)).check(key)
    for at in range(0, len(content), 7):
        if at not in signature_of(content):
            with pytest.raises(ModelFileError):
                Source.read(flipped(content, at)).check()


def test_the_command_line_refuses_each_in_one_line(edgeseq: CommandLine, int8: bytes, tmp_path: Path) -> None:
    path = tmp_path / "flipped.onnx"
    for at in range(0, len(int8), 97):
        path.write_bytes(flipped(int8, at))
        answer = edgeseq("predict", path)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), at


@pytest.mark.parametrize("name", [b"sha256", b"edgeseq", b"producer", b"format"])
@pytest.mark.parametrize("sidecar", [False, True])
@pytest.mark.usefixtures("no_engine")
def test_a_flipped_bit_in_a_name_does_not_hide_the_hash(int8: bytes, name: bytes, *, sidecar: bool) -> None:
    """A file without a hash may be another program's, but not because its name for it was damaged."""
    names = Sidecar("x", "y", {}) if sidecar else None
    start = int8.find(name)
    while start >= 0:
        for at in range(start, start + len(name)):
            for bit in range(8):
                damaged = bytearray(int8)
                damaged[at] ^= 1 << bit
                with pytest.raises(EdgeseqError):
                    Predictor(bytes(damaged), sidecar=names)
        start = int8.find(name, start + 1)


@pytest.mark.parametrize("quantize", ["none", "int8-dynamic"])
@pytest.mark.usefixtures("no_engine")
def test_a_file_of_ours_without_a_hash_has_lost_it(quantize: str) -> None:
    proto = onnx.load_from_string(edgeseq_export.build(make_checkpoint(), quantize))
    spec = replace(onnx_spec(proto), sha256="")
    helper.set_model_props(proto, metadata(spec))
    with pytest.raises(ModelFileError, match="carries no hash"):
        Predictor(proto.SerializeToString())
    del proto.metadata_props[:]
    for sidecar in (None, Sidecar("x", "y", {})):
        with pytest.raises(ModelFileError, match="has no spec"):
            Predictor(proto.SerializeToString(), sidecar=sidecar)


def onnx_spec(proto: onnx.ModelProto) -> Spec:
    return Spec.from_json(spec_text(proto))


def test_another_programs_file_needs_no_hash_but_a_wrong_one_is_refused(model: bytes, tmp_path: Path) -> None:
    """And with a key it must be signed, which takes a hash."""
    other = unsealed(model)
    np.testing.assert_array_equal(Predictor(other).run([0.1, 0.2]), Predictor(model).run([0.1, 0.2]))
    proto = onnx.load_from_string(other)
    helper.set_model_props(proto, {"edgeseq": replace(onnx_spec(proto), sha256="0" * 64).to_json()})
    with pytest.raises(ModelFileError, match="its hash is another one"):
        Predictor(proto.SerializeToString())
    with pytest.raises(ModelFileError, match="carries no hash"):
        Predictor(other, key=write_keys(tmp_path, "own")[1])


@pytest.mark.parametrize("length", [0, 1, 9, 100, 1000, -1, -64])
@pytest.mark.parametrize("provider", ["auto", "native"])
def test_a_cut_file_is_one_line(edgeseq: CommandLine, int8: bytes, tmp_path: Path, length: int, provider: str) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(int8[:length])
    for command in ("predict", "verify", "info"):
        answer = edgeseq(command, path, "--provider", provider)
        assert (answer.code, answer.out, answer.err.count("\n")) == (1, "", 1), answer.err


@pytest.mark.parametrize(
    "changes",
    [{"hidden": 7}, {"layers": 3}, {"cell": "gru"}, {"linear_path": 9}, {"horizon": 2, "target_scales": ((1.0,),) * 2}],
    ids=lambda changes: next(iter(changes)),
)
def test_a_spec_that_is_not_the_graphs_is_one_line_for_the_compiler(
    edgeseq: CommandLine, int8: bytes, tmp_path: Path, changes: dict[str, object]
) -> None:
    """With a hash that is right, so that the C is tried."""
    path = tmp_path / "other.onnx"
    path.write_bytes(sealed(onnx.load_from_string(int8), verification=None, figures=None, residuals=None, **changes))
    answer = edgeseq("predict", path, "--provider", "native")
    assert (answer.code in (1, 2), answer.out, answer.err.count("\n")) == (True, "", 1), answer.err


@pytest.mark.parametrize("fault", ["form", "none", "smaller", "swapped"])
def test_states_that_are_not_the_networks_are_never_given_to_c(model: bytes, fault: str) -> None:
    """Their memory is as large as the spec has it, and C, which looks at no sizes, wrote beyond."""
    proto = onnx.load_from_string(model)
    first, *others = onnx_spec(proto).states
    changes: dict[str, dict[str, Any]] = {
        "form": {"form": STEP},
        "none": {"states": ()},
        "smaller": {"states": (replace(first, shape=(1, -1, 1)), *others)},
        "swapped": {"states": (*others, first)},
    }
    with pytest.raises(ModelFileError, match="states are not those of the network"):
        native.build(sealed(proto, verification=None, **changes[fault]))


def test_a_step_that_overflows_the_stack_has_no_c() -> None:
    """A window of a million samples needs no more weights than one of four, and a few bytes in a file."""
    proto = onnx.load_from_string(edgeseq_export.build(make_checkpoint(layout="steps", window=4)))
    spec = replace(onnx_spec(proto), window=LIMITS["window"][1], verification=None)
    changes = {"window": spec.window, "states": architecture.states(spec), "verification": None}
    with pytest.raises(UsageError, match="numbers at once; the provider 'native' has room for 262,144"):
        native.build(sealed(proto, **changes))


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ["initializer", "node"])
def test_a_graph_that_lacks_a_part_has_no_c(model: bytes, kind: str, place: int) -> None:
    """Though its weights are all there, from which C is made."""
    proto = onnx.load_from_string(model)
    del getattr(proto.graph, kind)[place]
    with pytest.raises(ModelFileError, match="graph is not what its spec says"):
        native.build(sealed(proto))


# What a signature binds


def test_a_feature_named_like_a_hash_leaves_no_byte_free(tmp_path: Path) -> None:
    """Its name stands in the spec and in the viewer's metadata, and looks like the place of the hash."""
    private, public = write_keys(tmp_path, "own")
    name = f'"sha256":"{"0" * 64}"'
    made = make_checkpoint()
    feature = replace(made.spec.features[0], name=name)
    made = replace(made, spec=replace(made.spec, features=(feature,), targets=(name,)))
    content = edgeseq_export.export(made, key=private).content
    assert Predictor(content, key=public).spec.targets == (name,)
    key, place = PublicKey.read(public), content.index(b"0" * 60)
    while place >= 0:
        forged = content[:place] + b"1" + content[place + 1 :]
        with pytest.raises(ModelFileError):
            Source.read(forged).check(key)
        place = content.find(b"0" * 60, place + 1)


def test_a_hash_within_the_spec_is_not_sealed(int8: bytes) -> None:
    proto = onnx.load_from_string(int8)
    with pytest.raises(ModelFileError, match="sha256 must stand in one place"):
        sealed(proto, producer={"sha256": "0" * 64})


# Data elsewhere


def external(name: str = "w") -> TensorProto:
    """A tensor whose data stand in a file below the working folder."""
    tensor = numpy_helper.from_array(np.zeros(1, np.float32), name)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "secret.txt"), ("offset", "0"), ("length", "4")):
        tensor.external_data.add(key=key, value=value)
    return tensor


def plain_graph(*nodes: onnx.NodeProto, tensors: tuple[TensorProto, ...] = ()) -> onnx.GraphProto:
    x, y = (helper.make_tensor_value_info(name, FLOAT, ["time", "batch", 1]) for name in "xy")
    return helper.make_graph(nodes or [helper.make_node("Neg", ["x"], ["y"])], "g", [x], [y], tensors)


def model_of(graph: onnx.GraphProto, **more: object) -> onnx.ModelProto:
    """A model with a spec, as another program may write it."""
    spec = replace(make_spec(cell="rnn", layers=1, hidden=2), states=())
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, **more)
    helper.set_model_props(model, metadata(spec))
    return model


def in_attribute(kind: str) -> onnx.ModelProto:
    node = helper.make_node("Identity", ["x"], ["y"])
    if kind == "t":
        attribute = helper.make_attribute("value", external())
    elif kind == "tensors":
        attribute = helper.make_attribute("values", [external()])
    elif kind == "sparse":
        sparse = onnx.SparseTensorProto(values=external(), indices=external(), dims=[1])
        attribute = helper.make_attribute("sparse_value", sparse)
    else:
        inner = helper.make_graph([], "inner", [], [], [external()])
        attribute = helper.make_attribute("body", inner if kind == "graph" else [inner])
    node.attribute.append(attribute)
    return model_of(plain_graph(node))


def in_sparse_initializer() -> onnx.ModelProto:
    model = model_of(plain_graph())
    model.graph.sparse_initializer.append(onnx.SparseTensorProto(values=external(), indices=external("i"), dims=[1]))
    return model


def in_function() -> onnx.ModelProto:
    node = helper.make_node("Constant", [], ["y"])
    node.attribute.append(helper.make_attribute("value", external()))
    imports = [helper.make_opsetid("", 17)]
    function = helper.make_function("own", "F", [], ["y"], [node], imports)
    return model_of(plain_graph(), functions=[function])


def in_training() -> onnx.ModelProto:
    model = model_of(plain_graph())
    model.training_info.add().initialization.CopyFrom(helper.make_graph([], "t", [], [], [external()]))
    return model


def only_located() -> onnx.ModelProto:
    """Said to be elsewhere, and not where."""
    tensor = external()
    del tensor.external_data[:]
    return model_of(plain_graph(tensors=(tensor,)))


ELSEWHERE: dict[str, Callable[[], onnx.ModelProto]] = {
    "initializer": lambda: model_of(plain_graph(tensors=(external(),))),
    "sparse initializer": in_sparse_initializer,
    "attribute": lambda: in_attribute("t"),
    "list of an attribute": lambda: in_attribute("tensors"),
    "sparse attribute": lambda: in_attribute("sparse"),
    "graph within": lambda: in_attribute("graph"),
    "graphs within": lambda: in_attribute("graphs"),
    "function": in_function,
    "training": in_training,
    "nowhere": only_located,
}


@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.usefixtures("no_engine")
def test_data_in_other_files_are_refused_wherever_they_are_named(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a spec, with a right hash, and with a sidecar: nothing of the working folder is read out as forecasts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.txt").write_text("password = hunter2")
    model = ELSEWHERE[place]()
    bare = onnx.ModelProto.FromString(model.SerializeToString())
    del bare.metadata_props[:]
    for content, sidecar in (
        (model.SerializeToString(), None),
        (sealed_by_hand(model, json.loads(spec_text(model))), None),
        (bare.SerializeToString(), Sidecar("x", "y", {})),
    ):
        with pytest.raises(ModelFileError, match="keeps data in other files"):
            Predictor(content, sidecar=sidecar)


@pytest.mark.usefixtures("no_engine")
def test_a_field_behind_an_odd_tag_is_not_overlooked() -> None:
    """Of a tag above 32 bits other readers take the lower ones: the graph would be hidden from ours."""
    content = ELSEWHERE["initializer"]().SerializeToString()
    graph = content.index(b"\x3a")  # field 7
    hidden = content[:graph] + b"\xba\x80\x80\x80\x10" + content[graph + 1 :]
    plain = b"\x3a\x02\x12\x00"  # an empty graph before it, so that there is one
    with pytest.raises(ModelFileError, match="a field of no known form"):
        Predictor(plain + hidden)


def test_a_program_for_one_device_is_refused() -> None:
    """Such a node names a file as well, and holds what only that device's compiler understands."""
    node = helper.make_node("EPContext", ["x"], ["y"], domain="com.microsoft", ep_cache_context="../../etc/passwd")
    with pytest.raises(ModelFileError, match="EPContext"):
        Predictor(model_of(plain_graph(node)).SerializeToString())


def parts(message: Any) -> Iterator[Any]:
    """A message of protobuf's, and all messages within."""
    yield message
    for field, value in message.ListFields():
        if field.message_type:
            for inner in value if field.is_repeated else [value]:
                yield from parts(inner)


def test_what_is_looked_through_is_what_protobuf_reads(model: bytes) -> None:
    """Bytes changed, lost, put in and copied: whatever both accept has the same spec, and no data elsewhere."""
    decode_error = pytest.importorskip("google.protobuf.message").DecodeError
    source = random.Random(0)  # noqa: S311 - nothing is secret here
    contents = [make().SerializeToString() for make in ELSEWHERE.values()]
    contents += [model, endless_loop(), calls(2, 3).SerializeToString()]
    both = 0
    for _ in range(40_000):
        content, other = bytearray(source.choice(contents)), source.choice(contents)
        for _ in range(source.choice((1, 1, 2, 3))):
            at, start = source.randrange(len(content)), source.randrange(len(other))
            content[at : at + source.randrange(3)] = other[start : start + source.choice((0, 1, 1, 1, 20))]
        try:
            found, read = onnx_file.read(bytes(content)), onnx.ModelProto.FromString(bytes(content))
        except (ModelFileError, decode_error):
            continue
        both += 1
        tensors = [part for part in parts(read) if isinstance(part, TensorProto)]
        assert not any(tensor.external_data or tensor.data_location for tensor in tensors)
        specs = [entry.value for entry in read.metadata_props if entry.key in ("edgeseq", b"edgeseq")]
        assert [as_bytes(spec) for spec in specs] == ([bytes(content[found.spec])] if found.spec else [])
    assert both > 1000


def as_bytes(text: str | bytes) -> bytes:
    """protobuf gives text that is no UTF-8 as bytes."""
    return text if isinstance(text, bytes) else text.encode()


# Limits


def nested(levels: int) -> onnx.GraphProto:
    """So many graphs within each other."""
    graph = plain_graph()
    for _ in range(levels - 1):
        outer = plain_graph()
        outer.node[0].attribute.append(helper.make_attribute("body", graph))
        graph = outer
    return graph


def test_the_limits_are_named(model: bytes) -> None:
    chain = [helper.make_node("Neg", ["x"], ["y"])] * (onnx_file.MOST_NODES + 1)
    twice = onnx.load_from_string(model)
    twice.metadata_props.append(twice.metadata_props[0])
    huge = onnx.load_from_string(model)
    helper.set_model_props(huge, {"edgeseq": " " * onnx_file.MOST_SPEC_BYTES + spec_text(huge)})
    cases = {
        "has 20,001 nodes or more; at most 20,000 are read": model_of(plain_graph(*chain)),
        "has 17 graphs within each other or more; at most 16 are read": model_of(nested(17)),
        "has 2 specs": twice,
        "bytes in its spec or more; at most 8,388,608 are read": huge,
    }
    for said, proto in cases.items():
        with pytest.raises(ModelFileError, match=said):
            Predictor(proto.SerializeToString())
    onnx_file.read(model_of(nested(16)).SerializeToString())


def calls(times: int, depth: int, *, circle: bool = False) -> onnx.ModelProto:
    """Functions that call the one before so many times each: a kilobyte, and times ** depth nodes."""
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    inner = (
        helper.make_node(f"F{depth}", ["a"], ["b"], domain="own") if circle else helper.make_node("Neg", ["a"], ["b"])
    )
    functions = [helper.make_function("own", "F0", ["a"], ["b"], [inner], imports)]
    for number in range(1, depth + 1):
        names = ["a", *(f"v{step}" for step in range(1, times)), "b"]
        nodes = [helper.make_node(f"F{number - 1}", [one], [other], domain="own") for one, other in pairwise(names)]
        functions.append(helper.make_function("own", f"F{number}", ["a"], ["b"], nodes, imports))
    model = model_of(plain_graph(helper.make_node(f"F{depth}", ["x"], ["y"], domain="own")), functions=functions)
    model.opset_import.append(imports[1])
    return model


def test_functions_that_call_functions_are_counted_where_they_are_called() -> None:
    """A kilobyte of them would take all memory; those of honest programs run."""
    assert Predictor(calls(3, 5).SerializeToString()).step(1.0) == -1.0
    for model, said in (
        (calls(10, 9), "has 1,000,000,000 nodes where functions are called or more; at most 20,000 are read"),
        (calls(1, 5, circle=True), "has 65 functions within each other or more"),
        (calls(1, 3000), "has 65 functions within each other or more"),
    ):
        for content in (model.SerializeToString(), with_functions_first(model)):
            with pytest.raises(ModelFileError, match=said):
                Predictor(content)


def with_functions_first(model: onnx.ModelProto) -> bytes:
    """The same file with its fields in another order, and a function without a name before all."""
    rest, first = onnx.ModelProto(), onnx.ModelProto()
    rest.CopyFrom(model)
    del rest.functions[:]
    first.functions.append(onnx.FunctionProto())
    first.functions.extend(model.functions)
    return bytes(first.SerializeToString() + rest.SerializeToString())


def test_tensors_that_nobody_needs_are_limited() -> None:
    """onnxruntime takes a minute to throw away a hundred thousand of them."""
    model = model_of(plain_graph(tensors=tuple(TensorProto(name=f"i{i}") for i in range(20_001))))
    with pytest.raises(ModelFileError, match="has 20,001 tensors or more; at most 20,000 are read"):
        Predictor(model.SerializeToString())


def test_fields_without_end_are_not_counted_for_ever() -> None:
    """Six million of two bytes each: within a second they are too many, whatever they say."""
    content = b"\x3a\x02\x12\x00" + b"\x28\x01" * 6_000_000
    with pytest.raises(ModelFileError, match=r"has 1,000,001 fields or more; at most 1,000,000 are read"):
        Predictor(content)


def test_files_of_other_kinds_are_told_from_each_other(model: bytes) -> None:
    cases = {
        b"PK\x03\x04" + bytes(100): "is a zip archive",
        b'{"a": 1}': "is not an ONNX file",
        b"\x18\x00\x00\x00ORTM" + bytes(100): "onnxruntime's own format",
        b"MZ" + bytes(1000): "is not an ONNX file",
        bytes(5000): "is not an ONNX file",
        b"\xff" * 5000: "is not an ONNX file",
        model + b"\x0b\x0c": "is not an ONNX file",  # a group, which no writer of ONNX makes
    }
    for content, said in cases.items():
        with pytest.raises(ModelFileError, match=said):
            Predictor(content)


# Nothing runs


def endless_loop() -> bytes:
    """A model whose first step never ends; its hash is right, and it is not signed."""
    inner = helper.make_graph(
        [helper.make_node("Identity", ["go"], ["go_on"]), helper.make_node("Neg", ["v"], ["w"])],
        "body",
        [
            helper.make_tensor_value_info("n", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", FLOAT, None),
        ],
    )
    loop = helper.make_node("Loop", ["times", "", "x"], ["y"], body=inner)
    times = numpy_helper.from_array(np.array(2**62, np.int64), "times")
    return sealed(model_of(plain_graph(loop, tensors=(times,))))


@pytest.mark.parametrize("words", [["info"], ["info", "--json"], ["verify", "--key"], ["predict", "--key"]])
def test_an_endless_loop_is_not_run_by_who_asks_first(tmp_path: Path, words: list[str]) -> None:
    """`info` needs no engine at all, and with a key none is needed to refuse it."""
    path = tmp_path / "loop.onnx"
    path.write_bytes(endless_loop())
    given = [*words, write_keys(tmp_path, "own")[1]] if "--key" in words else words
    ran = audit.run([given[0], path, *given[1:]], seconds=20)
    assert ran.loaded == []
    assert ran.code == (1 if "--key" in words else 0)
    assert ("was not signed" in ran.err) == ("--key" in words)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no FIFOs here")
@pytest.mark.parametrize(
    ("command", "checkpoint"), [("info", True), ("info", False), ("verify", False), ("evaluate", True)]
)
def test_a_model_through_a_pipe_is_read_once(
    edgeseq: CommandLine, brief_path: Path, tmp_path: Path, command: str, *, checkpoint: bool
) -> None:
    """As `edgeseq verify <(cat model.onnx)` has it: a second look would wait for ever, or meet nothing."""
    good, pipe = brief_path, tmp_path / "pipe"
    if not checkpoint:
        good = tmp_path / "good.onnx"
        edgeseq.must("export", brief_path, "-o", good)
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(good.read_bytes(),), daemon=True)
    writer.start()
    edgeseq.must(command, pipe)
    writer.join(10)
