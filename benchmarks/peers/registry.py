"""All peers, in the order of the table; a new one is a file beside this one and a name here."""

from benchmarks.peers import (
    on_executorch,
    on_litert,
    on_mnn,
    on_ncnn,
    on_onnx,
    on_onnxruntime,
    on_openvino,
    on_torch,
    on_tract,
    ours,
)
from benchmarks.peers.peer import Peer

BASE = ours.STEP
"""What the others' times are multiples of."""

PEERS: tuple[Peer, ...] = (
    ours.STEP,
    ours.STEP_FORM,
    ours.NATIVE,
    ours.RUN,
    ours.POOL,
    on_onnxruntime.NAIVE,
    on_onnxruntime.BINDING,
    on_onnxruntime.WINDOWS,
    on_onnx.REFERENCE,
    on_litert.LITERT,
    on_mnn.MNN,
    on_openvino.OPENVINO,
    on_executorch.EXECUTORCH,
    on_ncnn.NCNN,
    on_tract.TRACT,
    on_torch.EAGER,
    on_torch.TRACED,
    on_torch.COMPILED,
)
