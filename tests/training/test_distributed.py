"""A process group: two processes that torchrun starts end at the weights of one, and neither outlives the other."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from edgeseq.model.checkpoint import Checkpoint
from edgeseq.training.distributed import ProcessGroup
from edgeseq_runtime.errors import UsageError

LONG = "3000"
"""Steps that take half a minute and more; the first are validated after a twentieth of it."""

TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]

pytestmark = pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without distributed")


def command(path: Path, *more: str, processes: int = 2) -> list[str]:
    starter = TORCHRUN if processes == 2 else []
    return [sys.executable, *starter, "-m", "edgeseq", "train", "--hidden", "8", "-o", str(path), *more]


def run(path: Path, *more: str, processes: int = 2) -> subprocess.CompletedProcess[str]:
    words = command(path, *more, processes=processes)
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def children(parent: int) -> list[int]:
    """Return the processes that a process has started and that go on."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, of, *_ = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(of) == parent and state != "Z":
            found.append(int(process.name))
    return found


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(900):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


def start(words: list[str], **variables: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env={**os.environ, **variables})


LOSES_THE_MAIN_PROCESS = """
import os
from pathlib import Path

from edgeseq.training.distributed import LostError, ProcessGroup

def threads():
    return sorted((task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir())

before = threads()
try:
    with ProcessGroup.join("cpu") as group:
        import torch._dynamo  # as optimisers do
        group.all_reduce_sum(1)
        assert threads() != before
        if group.is_main:
            os._exit(0)
        group.all_reduce_sum(1)
except LostError:
    assert threads() == before, threads()
    print("lost")
"""


@contextlib.contextmanager
def two(words: list[str]) -> Iterator[list[subprocess.Popen[str]]]:
    """Main process and the other, without torchrun to look after them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    both = [start(words, **common, RANK=rank, LOCAL_RANK=rank) for rank in "01"]
    try:
        yield both
    finally:
        for process in both:
            process.kill()
            process.communicate()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Main process and the other in the middle of a long run."""
    with two(command(tmp_path / "model", "--steps", LONG, processes=1)) as both:
        wait_for(tmp_path / "model.resume", both[0])
        yield both


@pytest.mark.slow
@pytest.mark.parametrize("options", [("--steps", "60"), ("--preset", "classic", "--steps", "60")])
def test_two_processes_end_at_the_weights_of_one(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Streams with copies, and windows; the sums' order is all that differs. Measured: 1.2e-7 and 1.8e-7."""
    together, alone = run(tmp_path / "two", *options), run(tmp_path / "one", *options, processes=1)
    assert (together.returncode, alone.returncode) == (0, 0), together.stderr
    two, one = (Checkpoint.load(tmp_path / name) for name in ("two", "one"))
    assert two.spec.training
    assert one.spec.training
    assert two.spec.training.run == one.spec.training.run
    deviation = max(float(np.abs(two.weights[name] - one.weights[name]).max()) for name in one.weights)
    assert deviation < 1e-5
    assert sorted(os.listdir(tmp_path)) == ["one", "one.curve.csv", "two", "two.curve.csv"]
    said = [line for line in together.stderr.splitlines() if line in alone.stderr.replace("/one", "/two").splitlines()]
    assert len(said) == len(alone.stderr.splitlines()), "what one process says is said, and once"
    assert together.stdout.count("test part,") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_that_is_asked_for_ends_both_and_keeps_the_best_weights(tmp_path: Path, number: signal.Signals) -> None:
    """Asked of torchrun, which passes it on; one process alone then goes on from there."""
    torchrun = start(command(tmp_path / "model", "--steps", LONG))
    wait_for(tmp_path / "model.resume", torchrun)
    started = children(torchrun.pid)
    assert len(started) == 2
    torchrun.send_signal(number)
    _, err = torchrun.communicate(timeout=60)
    assert not any(Path(f"/proc/{process}").exists() for process in started)
    assert err.count("holds the best weights so far") == 1
    assert Checkpoint.load(tmp_path / "model").spec.training
    alone = start(command(tmp_path / "model", "--steps", LONG, "--resume", processes=1))
    try:
        assert alone.stderr
        assert any("resumed at step" in line for line in alone.stderr)
    finally:
        alone.kill()
        alone.communicate()


@pytest.mark.slow
def test_either_process_can_be_asked_to_end(tmp_path: Path, pair: list[subprocess.Popen[str]]) -> None:
    main, other = pair
    other.send_signal(signal.SIGTERM)
    _, err = main.communicate(timeout=60)
    assert "holds the best weights so far" in err
    assert other.communicate(timeout=60) == ("", "")
    assert (main.returncode, other.returncode) == (130, 0)
    assert Checkpoint.load(tmp_path / "model").spec.training


@pytest.mark.slow
def test_another_process_that_dies_does_not_leave_the_main_one_waiting(
    tmp_path: Path, pair: list[subprocess.Popen[str]]
) -> None:
    main, other = pair
    other.kill()
    _, err = main.communicate(timeout=60)
    assert main.returncode == 1
    assert err.splitlines()[-1].startswith("edgeseq: another process of this run has ended; --resume continues")
    assert "Traceback" not in err
    assert (tmp_path / "model.resume").exists()


@pytest.mark.slow
def test_a_main_process_that_dies_does_not_leave_the_other_waiting(pair: list[subprocess.Popen[str]]) -> None:
    main, other = pair
    main.kill()
    out, err = other.communicate(timeout=60)
    assert (other.returncode, out) == (1, "")
    assert "Traceback" not in err


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="threads are counted in /proc")
def test_a_group_leaves_no_thread_even_where_it_broke() -> None:
    """One that let go of a tensor while Python ends would abort the process."""
    with two([sys.executable, "-c", LOSES_THE_MAIN_PROCESS]) as (_, other):
        assert (*other.communicate(timeout=60), other.returncode) == ("lost\n", "", 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("-o", "there/is/no/such/folder/model"), "edgeseq: cannot write there/is/no/such/folder/model"),
        (("--season", "9", "--seed", str(2**70)), "edgeseq: seed: expected 0 to"),
    ],
)
def test_what_is_refused_is_said_once_and_ends_both(tmp_path: Path, options: tuple[str, ...], line: str) -> None:
    answer = run(tmp_path / "model", *options)
    assert answer.returncode
    assert [found.startswith(line) for found in answer.stderr.splitlines() if found.startswith("edgeseq: ")] == [True]
    assert os.listdir(tmp_path) == []


# Without processes


@pytest.mark.parametrize(("batch", "size"), [(32, 2), (16, 3), (7, 7)])
def test_the_shards_of_a_batch_are_all_of_it(batch: int, size: int) -> None:
    shards = [list(range(batch))[ProcessGroup(rank, size).shard(batch)] for rank in range(size)]
    assert [item for shard in shards for item in shard] == list(range(batch))
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_a_batch_that_not_all_have_a_shard_of_is_refused() -> None:
    with pytest.raises(UsageError, match="batch of 16 cannot be shared by 17 processes"):
        ProcessGroup(0, 17).shard(16)


@pytest.mark.parametrize("variables", [{"WORLD_SIZE": "2"}, {"WORLD_SIZE": "many"}])
def test_an_environment_that_is_not_torchruns_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str]
) -> None:
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="no process that torchrun started"), ProcessGroup.join("cpu"):
        raise AssertionError("joined")


def test_one_process_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchrun with one process included."""
    monkeypatch.setenv("WORLD_SIZE", "1")
    with ProcessGroup.join("cpu") as group:
        assert group == ProcessGroup()
    assert ProcessGroup().is_main
    assert ProcessGroup().all_reduce_sum(3.5) == 3.5
    assert ProcessGroup().on_main(lambda: "so") == "so"
