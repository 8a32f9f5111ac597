"""ExecuTorch, with XNNPACK."""

from typing import Any

from benchmarks.peers.network import Network
from benchmarks.peers.peer import Peer, Step
from benchmarks.peers.recipes import written_out


def convert(network: Network, streams: int) -> None:
    """Write ExecuTorch's own format, by its compiler."""
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import to_edge_transform_and_lower

    from benchmarks.peers.recipes.torch import WrittenOut

    module = WrittenOut(written_out.of(network)).eval()
    inputs = torch.zeros(streams, 1), torch.zeros(streams, network.packed_width)
    lowered = to_edge_transform_and_lower(torch.export.export(module, inputs), partitioner=[XnnpackPartitioner()])
    network.written_out(streams, "pte").write_bytes(lowered.to_executorch().buffer)


def open_written_out(network: Network, streams: int) -> Step:
    """Hand each state back as the tensor that it came as."""
    return _Loaded(network, streams).step


class _Loaded:
    """A method with its program, which it does not keep itself."""

    def __init__(self, network: Network, streams: int) -> None:
        import torch
        from executorch.runtime import Runtime

        torch.set_num_threads(1)
        self._program = Runtime.get().load_program(network.written_out(streams, "pte"))
        self._method = self._program.load_method("forward")
        self._x, self._state = torch.zeros(streams, 1), torch.zeros(streams, network.packed_width)
        self._sample = self._x.numpy()

    def step(self, sample: Any) -> Any:
        """Take a sample of each stream."""
        self._sample[...] = sample
        y, self._state = self._method.execute([self._x, self._state])
        return y.numpy()


EXECUTORCH = Peer("ExecuTorch, written out", ("executorch", "torch"), open_written_out, convert)
