"""A Python without what only POSIX systems have, as on Windows.

`python -m tests.helpers.no_posix WORDS...` is edgeseq in such a Python; `--then` begins a further command.
"""

import os
import select
import signal
import sys
from itertools import groupby

MODULES = ("fcntl", "grp", "pwd", "resource", "termios")
NAMES = {
    os: ("fork", "getegid", "geteuid", "getgid", "getuid", "mkfifo", "set_blocking", "sysconf"),
    select: ("PIPE_BUF", "epoll", "poll"),
    signal: ("SIGALRM", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "pthread_sigmask", "setitimer"),
}


def hide() -> None:
    """Take it away, before edgeseq is imported."""
    assert not [name for name in sys.modules if name.startswith("edgeseq")]
    for name in MODULES:
        sys.modules[name] = None  # type: ignore[assignment]  # an import then fails
    for module, names in NAMES.items():
        for name in names:
            if hasattr(module, name):
                delattr(module, name)


def main(words: list[str]) -> int:
    """Run the commands up to the first that fails; return the last exit code."""
    hide()
    from edgeseq import cli

    code = 0
    for is_break, command in groupby(words, lambda word: word == "--then"):
        if not is_break and not code:
            code = cli.run(list(command))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
