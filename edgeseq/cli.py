"""The command line: its commands in the order that data flows, and what becomes of an error."""

import contextlib
import io
import os
import signal
import sys
from typing import NoReturn

import click

from edgeseq.commands import notes
from edgeseq.commands.backtest import backtest
from edgeseq.commands.bench import bench
from edgeseq.commands.demo import demo
from edgeseq.commands.evaluate import evaluate
from edgeseq.commands.export import export
from edgeseq.commands.info import info
from edgeseq.commands.predict import predict
from edgeseq.commands.providers import providers
from edgeseq.commands.shutdown import INTERRUPTED
from edgeseq.commands.train import train
from edgeseq.commands.update import update
from edgeseq.commands.verify import verify
from edgeseq.text import colour
from edgeseq_runtime.errors import DependencyError, EdgeseqError, UsageError
from edgeseq_runtime.version import __version__

BAD_USAGE, FAILED = 2, 1

TRACEBACK = "EDGESEQ_TRACEBACK"
"""In the environment: show where an error comes from that nobody expected."""

_EXTRAS = {
    "onnxruntime": "cpu",
    "onnx": "export",
    "safetensors": "export",
    "torch": "train",
    "polars": "train",
    "matplotlib": "train",
    "rich": "train",
    "optuna": "search",
    "paho": "mqtt",
    "cryptography": "sign",
}
"""Which extra brings a package that only some commands need."""


_COMMANDS = {
    "A series becomes a checkpoint": {
        train: "train a small recurrent network on a series",
        evaluate: "compare its forecasts of the test part with baselines",
        backtest: "compare them over the whole series, fold by fold",
        update: "train a model further on what came since, and compare",
    },
    "A checkpoint becomes a model file": {
        export: "write it as one ONNX file, or as C",
        verify: "check that a file is unchanged and computes correctly here",
        info: "show what a checkpoint or a model file contains",
    },
    "A model file forecasts, on the device": {
        predict: "samples in, forecasts out, line by line or by MQTT",
        bench: "measure how fast a model file runs on this machine",
        providers: "list what can run a model file on this machine",
    },
    "All of it": {demo: "train, export and stream two examples"},
}
"""The commands and what each does, in the order in which data flows."""


class _ByFlow(click.Group):
    """Lists commands by the hop of the data that they belong to, not by the alphabet."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self.commands)

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for hop, commands in _COMMANDS.items():
            with formatter.section(click.style(hop, bold=True)):
                formatter.write_dl(
                    [((command.name or "").ljust(width), summary) for command, summary in commands.items()]
                )


_SETTINGS = {"help_option_names": ["-h", "--help"], "color": colour()}


@click.group(cls=_ByFlow, context_settings=_SETTINGS, invoke_without_command=True)
@click.version_option(__version__, prog_name="edgeseq")
@click.pass_context
def cli(context: click.Context) -> None:
    """From a sensor series to a forecaster running on a device: train, export, predict."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help(), err=True)
        context.exit(BAD_USAGE)


for _commands in _COMMANDS.values():
    for _command, _summary in _commands.items():
        # Docstrings are raw; click wants the character itself before lines that it is to leave as they are.
        _command.help = (_command.help or "").replace("\\b", "\b")
        _command.short_help = _summary
        cli.add_command(_command)


def main() -> NoReturn:
    """Run the command line and leave with its exit code: 2 for bad usage, 1 for bad data or a failed check.

    What the user typed and does not exist is bad usage; what a file holds and cannot be used is bad data.
    """
    _replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # names and units are not ASCII everywhere
    code = run()
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what Python does on its way out needs no traceback
    sys.exit(code)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code. Any expected error is one line on stderr."""
    try:
        code = cli.main(arguments, prog_name="edgeseq", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        return _fail(error.format_message(), error.exit_code)
    except UsageError as error:
        return _fail(str(error), BAD_USAGE)
    except EdgeseqError as error:
        return _fail(str(error), FAILED)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED)
    except MemoryError:
        return _fail("not enough memory", FAILED)
    except RecursionError:
        return _fail("what is to be read is nested too deeply", FAILED)
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package in _EXTRAS and isinstance(error, ModuleNotFoundError):
            return _fail(f"{package} is not installed; pip install 'edgeseq[{_EXTRAS[package]}]'", FAILED)
        return _fail(str(DependencyError.cannot_load(error)), FAILED)
    except OSError as error:
        _abandon_stdout()
        what = f"cannot open {error.filename}" if error.filename else "cannot write the output"
        return _fail(f"{what}: {error.strerror or error}", FAILED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        text = f"{type(error).__name__}: {error}"[:300]
        return _fail(f"this should not happen, please report it: {text}; {TRACEBACK}=1 shows where", FAILED)
    notes.close()
    return code if isinstance(code, int) else 0


def _replace_closed_streams() -> None:
    """Put something in the place of standard streams that are closed, so that no file opened later gets their numbers.

    Reading from stdin and writing to stdout then fails, as it should; what is said on stderr is lost.
    """
    if sys.stdin is None:
        os.open(os.devnull, os.O_WRONLY)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w", encoding="utf-8")


def _fail(message: str, code: int) -> int:
    notes.close()
    notes.fail(message)
    return code


def _abandon_stdout() -> None:
    """Keep Python from trying again, when it exits, to write what could not be written."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
