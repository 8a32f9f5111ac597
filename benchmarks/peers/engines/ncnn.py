"""ncnn, through pnnx."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.network import CannotError, Network
from benchmarks.peers.peer import Peer, Step, as_onnx
from edgeseq_runtime.arrays import Float32


def convert(network: Network, streams: int) -> None:
    """Write ncnn's own format, by its converter, which is a program."""
    if streams > 1:
        raise CannotError("one stream: its tensors have no batch")
    as_onnx(network, streams)
    source = network.written_out(streams)
    files = [f"ncnn{kind}={network.written_out(streams, f'ncnn.{kind}')}" for kind in ("param", "bin")]
    command = [str(Path(sys.executable).with_name("pnnx")), str(source), "fp16=0", *files]
    subprocess.run(command, cwd=network.folder, capture_output=True, check=True)


def open_written_out(network: Network, streams: int) -> Step:
    """Hand each state back as the matrix that it came as."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = 1
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
    net.load_param(str(network.written_out(streams, "ncnn.param")))
    net.load_model(str(network.written_out(streams, "ncnn.bin")))
    x = np.zeros(1, np.float32)
    state = ncnn.Mat(np.zeros(network.packed_width, np.float32)).clone()

    def step(sample: Any) -> Float32:
        nonlocal state
        x[...] = sample
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(x))
        extractor.input("in1", state)
        _, y = extractor.extract("out0")
        _, state = extractor.extract("out1")
        return np.array(y)

    return step


NCNN = Peer("ncnn, written out", ("ncnn", "numpy"), open_written_out, convert)
