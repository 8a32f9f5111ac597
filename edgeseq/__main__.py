"""`edgeseq`, and `python -m edgeseq` where the script is not on the path."""

from typing import NoReturn

from edgeseq.commands.shutdown import install_interrupt_handler


def main() -> NoReturn:
    """Run the command line, from its first import on."""
    install_interrupt_handler()
    from edgeseq import cli

    cli.main()


if __name__ == "__main__":
    main()
