"""`edgeseq`, and `python -m edgeseq` where the script is not on the path."""

import signal
import sys


def main() -> None:
    """Run the command line, from its first import on, and leave with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # until there is a handler: an end without a traceback
    from edgeseq.commands.shutdown import install_interrupt_handler

    install_interrupt_handler()
    try:
        from edgeseq import cli
    except (ImportError, MemoryError) as error:
        sys.exit(f"edgeseq: cannot start: {str(error) or 'not enough memory'}")
    cli.main()


if __name__ == "__main__":
    main()
