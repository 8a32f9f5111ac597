"""Model files made by hand: with another spec or graph than the exporter gives them, and a right hash all the same."""

import json
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any

import onnx

from edgeseq_export.signing import finalize
from edgeseq_runtime.spec import KEY, Spec

BLANK = "0" * 64


def spec_text(model: onnx.ModelProto) -> str:
    """The spec as a model holds it."""
    return next(entry.value for entry in model.metadata_props if entry.key == KEY)


def sealed(model: onnx.ModelProto, **changes: Any) -> bytes:
    """A model whose graph was changed, or fields of its spec: with a hash that is right again."""
    return finalize(model, replace(Spec.from_json(spec_text(model)), **changes))[0]


def sealed_by_hand(model: onnx.ModelProto, spec: Mapping[str, Any]) -> bytes:
    """A model with any JSON as its spec, in the order given, and the hash that docs/format.md wants of it."""
    text = json.dumps({**spec, "sha256": BLANK}, separators=(",", ":"))
    onnx.helper.set_model_props(model, {KEY: text})
    content = bytes(model.SerializeToString())
    digest = sha256(content).hexdigest()
    return content.replace(f'"sha256":"{BLANK}"'.encode(), f'"sha256":"{digest}"'.encode())


def unsealed(model: bytes) -> bytes:
    """A model file as another program may write it: without a hash."""
    proto = onnx.load_from_string(model)
    proto.producer_name = "another"
    spec = replace(Spec.from_json(spec_text(proto)), producer={"another": "1"}, sha256="", signature="")
    onnx.helper.set_model_props(proto, {KEY: spec.to_json()})
    return bytes(proto.SerializeToString())
