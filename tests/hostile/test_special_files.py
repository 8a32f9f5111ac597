"""Pipes, devices, sockets and folders where a file is meant: one line, no waiting for ever, no filled memory."""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseq_runtime import files
from edgeseq_runtime.errors import FileError
from tests.conftest import CommandLine

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")

CAT = shutil.which("cat") or "cat"
ZERO = Path("/dev/zero")
has_zero = pytest.mark.skipif(not ZERO.exists(), reason="this system has no /dev/zero")


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """One of each kind."""
    with contextlib.chdir(tmp_path), socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        os.mkfifo("pipe")
        Path("folder").mkdir()
        yield {"a pipe": tmp_path / "pipe", "a socket": tmp_path / "socket", "a device": ZERO}


@pytest.mark.parametrize("kind", ["a pipe", "a socket", pytest.param("a device", marks=has_zero)])
def test_a_state_is_a_file_or_is_not_there_yet(
    edgeseq: CommandLine, model_path: Path, odd: dict[str, Path], kind: str
) -> None:
    answer = edgeseq("predict", model_path, "--state", odd[kind], "--input", os.devnull)
    assert (answer.code, answer.out) == (1, "")
    assert answer.err == f"edgeseq: {odd[kind]} is {kind}, not a file\n"


@pytest.mark.parametrize("link", ["pipe", "folder"])
def test_neither_through_a_link(edgeseq: CommandLine, model_path: Path, odd: dict[str, Path], link: str) -> None:
    state = odd["a pipe"].with_name("state")
    state.symlink_to(link)
    answer = edgeseq("predict", model_path, "--state", state, "--input", os.devnull)
    assert (answer.code, answer.out) in ((1, ""), (2, ""))
    assert answer.err.count("\n") == 1


@has_zero
@pytest.mark.parametrize(
    "words",
    [
        "predict /dev/zero",
        "info /dev/zero",
        "verify /dev/zero",
        "bench /dev/zero",
        "evaluate /dev/zero sine",
        "verify {model} --key /dev/zero",
        "predict {model} --sidecar /dev/zero",
        "predict {model} --history /dev/zero",
        "predict {model} --mqtt mqtt://localhost/t --publish p --credentials /dev/zero",
        "export /dev/zero -o {out}",
        "export {checkpoint} -o {out} --sign /dev/zero",
        "train /dev/zero -o {out}",
    ],
)
def test_a_device_without_an_end_is_refused_at_once(
    edgeseq: CommandLine, model_path: Path, brief_path: Path, tmp_path: Path, words: str
) -> None:
    out = tmp_path / "out"
    answer = edgeseq(*words.format(model=model_path, checkpoint=brief_path, out=out).split())
    assert answer.code in (1, 2)
    assert answer.out == ""
    assert answer.err.count("\n") == 1
    assert "/dev/zero" in answer.err
    assert not out.exists()


def test_what_is_larger_than_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(10**12)  # of zeros, which take no room
    with pytest.raises(
        FileError, match=r"^cannot read \S+/large: it is larger than 256,000,000 bytes, the most that is read"
    ):
        files.read(path)
    path.write_bytes(b"x" * 11)
    assert files.read(path, 11) == b"x" * 11
    with pytest.raises(FileError, match="larger than 10 bytes"):
        files.read(path, 10)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system has no /proc")
def test_a_file_that_does_not_know_its_size_is_read_to_its_end() -> None:
    assert files.read("/proc/self/status").endswith(b"\n")
    assert len(files.read("/proc/self/status").splitlines()) > 10


def test_a_pipe_without_an_end_is_read_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIPE_LIMIT", 1_000_000)
    with subprocess.Popen([sys.executable, "-c", "while True: print('x' * 9999)"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout is not None
        with pytest.raises(FileError, match="larger than 1,000,000 bytes"):
            files.read(f"/dev/fd/{endless.stdout.fileno()}")
        endless.kill()


@pytest.mark.parametrize("command", ["info", "verify", "predict", "bench"])
@pytest.mark.parametrize("script", ["{edgeseq} <(cat {model})", "cat {model} > pipe & {edgeseq} pipe"])
def test_a_model_file_may_come_through_a_pipe(model_path: Path, tmp_path: Path, command: str, script: str) -> None:
    """It is opened once and read once, as cat does: whoever opens a named pipe again waits for another writer."""
    os.mkfifo(tmp_path / "pipe")
    words = f"exec {shlex.quote(sys.executable)} -m edgeseq {command}"
    script = script.format(edgeseq=words, model=shlex.quote(str(model_path)))
    done = subprocess.run(
        ["/bin/bash", "-c", script],
        input="0.5\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("words", ["predict {pipe}", "info {pipe}", "predict {model} --history {pipe}"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_waiting_for_a_pipes_writer_ends_with_a_signal(
    model_path: Path, tmp_path: Path, words: str, number: signal.Signals
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with running(*words.format(pipe=pipe, model=model_path).split()) as process:
        time.sleep(1.5)  # until it waits; a signal before that ends it as well
        process.send_signal(number)
        began = time.monotonic()
        process.wait(30)
        assert time.monotonic() - began < 2
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edgeseq", *words]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def test_an_output_may_be_a_pipe_that_somebody_reads(edgeseq: CommandLine, brief_path: Path, tmp_path: Path) -> None:
    pipe, copy = tmp_path / "pipe", tmp_path / "copy"
    os.mkfifo(pipe)
    with copy.open("wb") as target, subprocess.Popen([CAT, pipe], stdout=target) as reader:
        edgeseq.must("export", brief_path, "-o", pipe)
        assert reader.wait(30) == 0
    edgeseq.must("verify", copy)
    assert pipe.is_fifo()


def test_an_output_is_neither_a_socket_nor_a_folder(
    edgeseq: CommandLine, brief_path: Path, odd: dict[str, Path]
) -> None:
    answer = edgeseq("export", brief_path, "-o", odd["a socket"])
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert answer.err.endswith("it is a socket, not a file\n")
    assert edgeseq("export", brief_path, "-o", odd["a pipe"].with_name("folder")).code == 2


@pytest.mark.skipif(not hasattr(os, "mknod") or not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_an_output_is_no_disk(tmp_path: Path) -> None:
    """What is written to a disk's device destroys the file system on it. This one leads nowhere."""
    disk = tmp_path / "disk"
    try:
        os.mknod(disk, 0o060600, os.makedev(240, 250))  # numbers for experiments
    except OSError as error:
        pytest.skip(f"devices cannot be made here: {error}")
    for use in (files.check_writable, files.read, lambda path: files.write_atomically(path, b"x")):
        with pytest.raises(FileError, match=r"a device, not a file|No such device"):
            use(disk)


def test_a_path_that_cannot_be_one_is_one_error() -> None:
    for use in (files.check_writable, files.read, lambda path: files.write_atomically(path, b"x")):
        with pytest.raises(FileError, match="null byte"):
            use("a\0b")
