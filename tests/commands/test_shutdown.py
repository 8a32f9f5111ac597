"""Ctrl-C and a polite kill: noted where work must not be left, acted upon where it may be."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgeseq.commands import shutdown
from edgeseq.commands.shutdown import GracefulShutdown, ShutdownRequested


def send(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def wait(graceful: GracefulShutdown, patience: int, steps: list[Callable[[], None]]) -> int:
    """Take steps within `waiting`, until a signal ends it; return how many were taken."""
    taken = 0
    try:
        with graceful.waiting(patience):
            for step in steps:
                step()
                taken += 1
    except ShutdownRequested:
        return taken
    pytest.fail("no signal ended the wait")


def interrupt() -> None:
    send(signal.SIGINT)


def nothing() -> None:
    pass


def test_outside_waiting_any_number_of_signals_is_only_noted() -> None:
    with GracefulShutdown() as graceful:
        send(signal.SIGTERM, signal.SIGINT, signal.SIGINT)
        assert graceful.received is signal.SIGTERM


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_the_wait_ends_at_once_with_as_many_signals_as_it_has_patience(patience: int) -> None:
    with GracefulShutdown() as graceful:
        assert wait(graceful, patience, [nothing, interrupt, interrupt, interrupt, nothing]) == patience


def test_a_signal_that_came_before_ends_the_wait_before_it_begins() -> None:
    with GracefulShutdown() as graceful:
        send(signal.SIGTERM)
        assert wait(graceful, 1, [nothing]) == 0


def test_the_way_out_is_not_disturbed_by_further_signals() -> None:
    tidied = []

    def interrupted_twice() -> None:
        try:
            interrupt()
        finally:
            send(signal.SIGINT, signal.SIGTERM)
            tidied.append(True)

    with GracefulShutdown() as graceful:
        assert wait(graceful, 1, [interrupted_twice]) == 0
        interrupt()
    assert tidied


def test_a_wait_for_a_descriptor_ends_with_a_signal_that_comes_at_any_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also between Python's last look at signals and the system call, where the call alone would sleep over it."""
    monkeypatch.setattr(shutdown, "SIGNALS", (signal.SIGALRM,))
    reading, writing = os.pipe()
    slept_over = threading.Timer(20, os.write, (writing, b"\n"))
    slept_over.start()
    random = np.random.default_rng(0)
    try:
        for seconds in random.uniform(1e-6, 4e-5, 3000).tolist():
            with GracefulShutdown() as graceful:
                signal.setitimer(signal.ITIMER_REAL, seconds)
                with pytest.raises(ShutdownRequested):
                    graceful.wait(reading=reading)
        assert slept_over.is_alive()
    finally:
        slept_over.cancel()
        os.close(reading)
        os.close(writing)


def test_a_wait_for_a_descriptor_ends_when_it_can_be_read_or_written_and_takes_a_signal_in_its_stride() -> None:
    reading, writing = os.pipe()
    with GracefulShutdown() as graceful:
        graceful.wait(writing=writing)
        os.write(writing, b"1")
        graceful.wait(reading=reading)
        send(signal.SIGINT)
        graceful.wait(reading=reading, signals=2)
        assert os.read(reading, 1) == b"1"
        threading.Timer(0.1, send, (signal.SIGINT,)).start()
        with pytest.raises(ShutdownRequested):
            graceful.wait(reading=reading, signals=2)
    os.close(reading)
    os.close(writing)


def test_a_signal_that_the_caller_switched_off_stays_so() -> None:
    """As shells do for commands in the background."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with GracefulShutdown() as graceful:
            send(signal.SIGINT)
            assert graceful.received is None
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("module", ["click", "onnxruntime"])
def test_ctrl_c_while_modules_are_imported_is_one_line(model_path: Path, tmp_path: Path, module: str) -> None:
    """A stand-in for a library that, as some do, turns the interruption of its start-up into another error."""
    (tmp_path / f"{module}.py").write_text(
        "import os, signal\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    sum(range(1000))\n"
        "except KeyboardInterrupt:\n    raise ImportError('a part could not be loaded') from None\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-m", "edgeseq", "predict", str(model_path)]
    done = subprocess.run(words, env=environment, input="1\n", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "edgeseq: interrupted\n")


def test_ctrl_c_at_work_is_one_line(model_path: Path) -> None:
    code = (
        "import os, signal, edgeseq_runtime.benchmark.latency as t; from edgeseq.__main__ import main; import sys; "
        "t.measure = lambda _: os.kill(os.getpid(), signal.SIGINT); main()"
    )
    words = [sys.executable, "-c", code, "bench", str(model_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.strip()) == (130, "", "edgeseq: interrupted")
