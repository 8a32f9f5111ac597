"""A model file, opened: onnxruntime's session, the spec, and the step function over arrays."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from edgeseq_runtime import files, providers
from edgeseq_runtime.errors import ModelFileError, UsageError
from edgeseq_runtime.ort import onnxruntime
from edgeseq_runtime.spec import KEY, Spec

Array = npt.NDArray[np.float32]
States = dict[str, Array]
"""Name of a state -> its value, in the spec's shape."""

_SILENT = 4  # onnxruntime's log level "fatal": what goes wrong reaches the user as one exception


class Session:
    """The step function `(samples, states) -> (forecasts, next states)` of one model file.

    `model` is a path or the file's bytes; `provider` as in `providers.resolve`; `threads` within one
    operator. Raises `ModelFileError` and, for an unknown provider, `UsageError`.
    """

    spec: Spec
    raw: Any
    """The `onnxruntime.InferenceSession`."""

    def __init__(self, model: str | os.PathLike[str] | bytes, *, provider: str = "auto", threads: int = 1) -> None:
        if threads < 1:
            raise UsageError(f"threads is {threads}, must be at least 1")
        content = model if isinstance(model, bytes) else files.read(model)
        name = "the model" if isinstance(model, bytes) else os.fspath(model)
        wanted = providers.resolve(provider)
        self.raw = _open(content, name, wanted, threads)
        self.spec = _read_spec(self.raw, name)
        self.size = len(content)
        """Of the model file, in bytes."""
        self.digest = hashlib.sha256(content).digest()
        """SHA-256 of the model file: what a snapshot belongs to."""

    @property
    def providers(self) -> list[str]:
        """The providers in use, as onnxruntime names them."""
        return list(self.raw.get_providers())

    def fresh(self, batch: int = 1) -> States:
        """Return the states of `batch` fresh streams."""
        return {state.name: np.zeros(state.sized(batch), np.float32) for state in self.spec.states}

    def advance(self, x: Array, states: Mapping[str, Array]) -> tuple[Array, States]:
        """Run samples x (time, batch, feature); return forecasts (time, batch, outputs) and the next states."""
        y, *following = self.raw.run(None, {"x": x, **states})
        return y, dict(zip(states, following, strict=True))


def _open(content: bytes, name: str, provider: str, threads: int) -> Any:
    try:
        session = onnxruntime.InferenceSession(content, _options(threads), providers=[provider])
    except Exception as error:  # onnxruntime's exceptions share no base but Exception
        reason = str(error).partition("\n")[0][:200]
        raise ModelFileError(f"{name} is not a model that onnxruntime can load: {reason}") from error
    if provider not in session.get_providers():
        raise UsageError(f"{provider} could not be started here; in use would be {session.get_providers()}")
    return session


def _options(threads: int) -> Any:
    """Options for a small network on a device: no thread pool that spins, no arena that grows."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _SILENT
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _read_spec(session: Any, name: str) -> Spec:
    metadata = session.get_modelmeta().custom_metadata_map
    if KEY not in metadata:
        raise ModelFileError(f"{name} is an ONNX file, but not one that edgeseq wrote: its metadata has no spec")
    try:
        spec = Spec.from_json(metadata[KEY])
    except ModelFileError as error:
        raise ModelFileError(f"{name}: {error}") from error
    _check_graph(session, spec, name)
    return spec


def _check_graph(session: Any, spec: Spec, name: str) -> None:
    """Refuse a graph that is not the step function which the spec describes."""
    wanted_inputs = ["x", *(state.name for state in spec.states)]
    wanted_outputs = ["y", *(state.next for state in spec.states)]
    inputs, outputs = session.get_inputs(), session.get_outputs()
    sizes = [len(spec.features), *(state.shape[-1] for state in spec.states)]
    if (
        [value.name for value in inputs] != wanted_inputs
        or [value.name for value in outputs] != wanted_outputs
        or [value.shape[-1] for value in inputs] != sizes
        or outputs[0].shape[-1] != spec.outputs
    ):
        raise ModelFileError(f"{name}: the graph's inputs and outputs are not those of its spec")
