"""`edgeseq`, and `python -m edgeseq` where the script is not on the path."""

from typing import NoReturn

from edgeseq.commands.shutdown import interrupt_quietly


def main() -> NoReturn:
    """Run the command line, from its first import on."""
    interrupt_quietly()
    from edgeseq import cli

    cli.main()


if __name__ == "__main__":
    main()
