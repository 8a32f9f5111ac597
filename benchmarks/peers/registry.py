"""All peers, in the order of the table; a new one is a file beside this one and a name here."""

from benchmarks.peers.engines import (
    edgeseq_engine,
    executorch,
    litert,
    mnn,
    ncnn,
    onnx_reference,
    onnxruntime,
    openvino,
    torch,
    tract,
)
from benchmarks.peers.peer import Peer

BASE = edgeseq_engine.STEP
"""What the others' times are multiples of."""

PEERS: tuple[Peer, ...] = (
    edgeseq_engine.STEP,
    edgeseq_engine.STEP_FORM,
    edgeseq_engine.NATIVE,
    edgeseq_engine.RUN,
    edgeseq_engine.POOL,
    onnxruntime.NAIVE,
    onnxruntime.BINDING,
    onnxruntime.WINDOWS,
    onnx_reference.REFERENCE,
    litert.LITERT,
    mnn.MNN,
    openvino.OPENVINO,
    executorch.EXECUTORCH,
    ncnn.NCNN,
    tract.TRACT,
    torch.EAGER,
    torch.TRACED,
    torch.COMPILED,
)
