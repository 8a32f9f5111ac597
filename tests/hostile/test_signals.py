"""Signals at the worst moments: a second one always ends a command, and none of them costs what was saved."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edgeseq_runtime import Predictor

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no signals but Ctrl-C")

DEAF = "import hashlib; hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)"
"""Minutes within a C library that looks at no signals, and lets other threads run, as onnxruntime does."""


STUCK = f"""
from edgeseq_runtime import Predictor
step = Predictor.step
def stuck(self, *sample):
    if self.samples == {{}}:
        print("ready", flush=True)
        {DEAF}
    return step(self, *sample)
Predictor.step = stuck
from edgeseq.__main__ import main
main()
"""
"""`edgeseq`, where the step of the sample of this number never returns."""


@pytest.fixture(autouse=True)
def hangup_is_heard() -> Iterator[None]:
    """Where the tests themselves run under nohup, what they start would ignore it as well."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def feed(process: subprocess.Popen[str], lines: int) -> None:
    """Send so many lines; wait until all but the last are answered, and the last is being taken."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("0.1\n" * lines)
    process.stdin.flush()
    for _ in range(lines - 1):
        process.stdout.readline()
    ready(process)


@contextmanager
def running(*words: object, **streams: int) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end, if it still runs."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    with subprocess.Popen([sys.executable, *map(str, words)], text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


def python(code: str) -> tuple[str, str]:
    return "-c", textwrap.dedent(code)


def ready(process: subprocess.Popen[str]) -> None:
    """Wait until it says so, and a moment longer, until it is where it is meant to be."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.2)


def seconds_to_the_end(process: subprocess.Popen[str], *numbers: signal.Signals) -> float:
    """Send signals, a moment apart; return how long it took from the last one on."""
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.1)
    began = time.monotonic()
    process.wait(30)
    return time.monotonic() - began


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_second_signal_ends_a_library_that_computes_for_ever(number: signal.Signals) -> None:
    code = f"""
        from edgeseq.commands.shutdown import GracefulShutdown
        with GracefulShutdown():
            print("ready", flush=True)
            {DEAF}
    """
    with running(*python(code)) as process:
        ready(process)
        assert seconds_to_the_end(process, number, number) < 2
        assert process.returncode == 128 + number
        assert process.stderr is not None
        assert process.stderr.read() == "edgeseq: ended by a second signal; what was not saved yet is lost\n"


def test_one_signal_alone_waits_for_the_library() -> None:
    """A step may take a while on a slow device; its forecast is then written and its state saved."""
    code = """
        import hashlib, time
        from edgeseq.commands import watchdog
        from edgeseq.commands.shutdown import GracefulShutdown, ShutdownRequested
        watchdog.GRACE = 0.1
        with GracefulShutdown() as shutdown:
            print("ready", flush=True)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                hashlib.pbkdf2_hmac("sha256", b"", b"", 1_000_000)
            try:
                shutdown.wait(reading=0)
            except ShutdownRequested:
                print("left", flush=True)
    """
    with running(*python(code)) as process:
        ready(process)
        seconds_to_the_end(process, signal.SIGTERM)
        assert process.stdout is not None
        assert (process.returncode, process.stdout.read()) == (0, "left\n")


def test_ctrl_c_twice_ends_a_library_outside_of_streams_too() -> None:
    """In verify, bench or evaluate, where the first one becomes an exception that waits for the library."""
    code = f"""
        from edgeseq.commands.shutdown import install_interrupt_handler
        install_interrupt_handler()
        print("ready", flush=True)
        {DEAF}
    """
    with running(*python(code)) as process:
        ready(process)
        assert seconds_to_the_end(process, signal.SIGINT, signal.SIGINT) < 2
        assert process.returncode == 130


def test_where_memory_is_limited_no_thread_takes_any_of_it_before_the_libraries() -> None:
    """It would reserve 64 MB of addresses, and onnxruntime could not be loaded where it could be before."""
    code = """
        import resource, threading
        resource.setrlimit(resource.RLIMIT_AS, (2**32, 2**32))
        from edgeseq.commands.shutdown import install_interrupt_handler
        install_interrupt_handler()
        print(threading.active_count())
    """
    with running(*python(code)) as process:
        assert process.communicate(timeout=30)[0] == "1\n"


def test_a_second_signal_ends_a_write_that_nobody_takes() -> None:
    code = """
        import os
        from edgeseq.commands.shutdown import GracefulShutdown
        with GracefulShutdown():
            print("ready", flush=True)
            while True:
                os.write(2, b"x" * 100_000)
    """
    with running(*python(code)) as process:
        ready(process)
        assert seconds_to_the_end(process, signal.SIGTERM, signal.SIGTERM) < 2
        assert process.returncode == 143


def test_who_has_left_the_work_may_save_in_peace() -> None:
    """Any number of signals later than the one that ended a wait leave it the time to save."""
    code = """
        import time
        from edgeseq.commands import watchdog
        from edgeseq.commands.shutdown import GracefulShutdown, ShutdownRequested
        watchdog.GRACE = 0.1
        with GracefulShutdown() as shutdown:
            print("ready", flush=True)
            try:
                shutdown.wait(reading=0)
            except ShutdownRequested:
                end = time.monotonic() + 1
                while time.monotonic() < end:
                    time.sleep(0.01)
                print("saved", flush=True)
    """
    with running(*python(code)) as process:
        ready(process)
        seconds_to_the_end(process, *[signal.SIGTERM] * 3)
        assert process.stdout is not None
        assert (process.returncode, process.stdout.read()) == (0, "saved\n")


def test_but_not_for_ever() -> None:
    code = """
        import hashlib
        from edgeseq.commands import watchdog
        from edgeseq.commands.shutdown import GracefulShutdown, ShutdownRequested
        watchdog.GRACE = watchdog.GRACE_TO_SAVE = 0.3
        with GracefulShutdown() as shutdown:
            print("ready", flush=True)
            try:
                shutdown.wait(reading=0)
            except ShutdownRequested:
                hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
    """
    with running(*python(code)) as process:
        ready(process)
        assert seconds_to_the_end(process, signal.SIGTERM, signal.SIGTERM) < 2
        assert process.returncode == 143


def test_a_stream_that_is_ended_so_keeps_the_state_that_was_saved(model_path: Path, tmp_path: Path) -> None:
    """The third sample's step never returns; the state after the second one is whole."""
    state = tmp_path / "state"
    with running(*python(STUCK.format(2)), "predict", model_path, "--state", state, "--state-every", 1) as process:
        feed(process, 3)
        assert seconds_to_the_end(process, signal.SIGTERM, signal.SIGTERM) < 2
        assert process.returncode == 143
    predictor = Predictor(model_path)
    predictor.restore(state.read_bytes())
    assert predictor.samples == 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGHUP, 0), (signal.SIGINT, 130)])
def test_one_signal_is_enough_for_a_stream_whose_step_never_returns(
    model_path: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """All that was answered is saved, though the main thread cannot do it: 4 samples, where a save was due after 3."""
    state = tmp_path / "state"
    with running(*python(STUCK.format(4)), "predict", model_path, "--state", state, "--state-every", 3) as process:
        feed(process, 5)
        assert seconds_to_the_end(process, number) < 2
        assert process.returncode == code
        assert process.stderr is not None
        assert process.stderr.read() == "edgeseq: ended within a call that does not return\n"
    predictor = Predictor(model_path)
    predictor.restore(state.read_bytes())
    assert predictor.samples == 4


def test_unless_it_cannot_be_saved_which_takes_two(model_path: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    state = tmp_path / "folder" / "state"
    with running(*python(STUCK.format(2)), "predict", model_path, "--state", state, "--state-every", 0) as process:
        feed(process, 3)
        (tmp_path / "folder" / ".state.lock").unlink()
        (tmp_path / "folder").rmdir()
        process.send_signal(signal.SIGTERM)
        time.sleep(1.5)
        assert process.poll() is None
        assert seconds_to_the_end(process, signal.SIGTERM) < 2
        assert process.returncode == 143


@pytest.mark.parametrize(("switched_off", "taken"), [(False, 2), (True, 3)])
def test_a_closed_terminal_saves_unless_nohup_was_asked_for(
    model_path: Path, tmp_path: Path, switched_off: bool, taken: int
) -> None:
    state = tmp_path / "state"
    ignore = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)" if switched_off else ""
    code = f"{ignore}\nfrom edgeseq.__main__ import main\nmain()"
    with running("-c", code, "predict", model_path, "--state", state) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("0.1\n0.2\n")
        process.stdin.flush()
        for _ in range(2):
            process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        if switched_off:
            process.stdin.write("0.3\n")
        else:
            process.wait(10)
        process.communicate(timeout=30)
        assert process.returncode == 0
    predictor = Predictor(model_path)
    predictor.restore(state.read_bytes())
    assert predictor.samples == taken


@pytest.mark.parametrize(
    ("importing", "code", "said"),
    [
        ("edgeseq_runtime", -signal.SIGINT, ""),
        ("edgeseq.commands", -signal.SIGINT, ""),
        ("edgeseq.cli", 130, "edgeseq: interrupted\n"),
    ],
)
def test_ctrl_c_while_it_starts_is_no_traceback(tmp_path: Path, importing: str, code: int, said: str) -> None:
    """Sent from an import hook: before there is a handler it ends at once, as the system has it."""
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
        import os, signal, sys
        class Hook:
            def find_spec(self, name, *_):
                if name == {importing!r}:
                    os.kill(os.getpid(), signal.SIGINT)
        sys.meta_path.insert(0, Hook())
        """)
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    words = [sys.executable, "-m", "edgeseq", "providers"]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", said)


MANY_DESCRIPTORS = """
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (1200, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
for _ in range(1100):
    os.dup(2)
"""


@pytest.fixture
def may_open_many() -> None:
    resource = pytest.importorskip("resource")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 1200:
        pytest.skip("this user may not open so many files")


@pytest.mark.usefixtures("may_open_many")
def test_a_thousand_inherited_descriptors_are_no_obstacle(model_path: Path) -> None:
    code = f"{MANY_DESCRIPTORS}\nfrom edgeseq.__main__ import main; main()"
    words = [sys.executable, *python(code), "predict", str(model_path)]
    done = subprocess.run(words, input="0.1\n0.2\n", capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 2), done.stderr


@pytest.mark.usefixtures("may_open_many")
def test_nor_for_a_connection_to_a_broker() -> None:
    """Its socket then has a number that `select` does not take."""
    pytest.importorskip("paho.mqtt.client", reason="paho-mqtt is not installed")
    code = f"""{MANY_DESCRIPTORS}
import socket
from edgeseq_runtime.mqtt.connection import _is_ready
ours, theirs = socket.socketpair()
assert ours.fileno() > 1024
assert not _is_ready(ours, 0.01) and _is_ready(ours, 0, to_write=True)
theirs.send(b"x")
assert _is_ready(ours, 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_thread_and_no_descriptor_is_left_behind() -> None:
    from edgeseq.commands.shutdown import GracefulShutdown

    def there() -> tuple[int, int]:
        return threading.active_count(), len(os.listdir("/dev/fd"))

    before = there()
    for _ in range(50):
        with GracefulShutdown():
            pass
    end = time.monotonic() + 10
    while there() != before and time.monotonic() < end:
        time.sleep(0.01)
    assert there() == before
