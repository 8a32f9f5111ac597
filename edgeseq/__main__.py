"""`edgeseq`, and `python -m edgeseq` where the script is not on the path."""

import os
import signal
import sys


def main() -> None:
    """Run the command line, from its first import on, and leave with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a handler: an end without a traceback
    from edgeseq.commands import shutdown

    try:
        shutdown.install_interrupt_handler()
        from edgeseq import cli

        cli.main()
    except KeyboardInterrupt:  # on the way into the command, or out of it
        os.write(2, b"edgeseq: interrupted\n")
        os._exit(shutdown.INTERRUPTED)
    except (ImportError, MemoryError) as error:
        sys.exit(f"edgeseq: cannot start: {str(error) or 'not enough memory'}")


if __name__ == "__main__":
    main()
