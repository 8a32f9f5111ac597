"""What a person sees on a terminal: commands by the flow of data, colours, and a stream as a line of bars."""

import math
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq import cli
from edgeseq.commands.predict import terminal_view
from tests.conftest import CommandLine

COLOUR = re.compile(r"\x1b\[\d+m")


def on_terminal(*words: str, stdin: str = "", stdout: bool = False, **environment: str) -> tuple[str, str]:
    """Run the command line with a terminal as stderr, and as stdout too if so said; return what both showed."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "edgeseq", *words]
    known = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=theirs if stdout else subprocess.PIPE,
        stderr=theirs,
        env={**known, "TERM": "xterm", **environment},
    ) as process:
        os.close(theirs)
        printed, _ = process.communicate(stdin.encode())
    seen = b""
    try:
        while block := os.read(ours, 1 << 16):
            seen += block
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    return seen.decode().replace("\r\n", "\n"), (printed or b"").decode()


def quietly(edgeseq: CommandLine, model: Path, samples: str) -> str:
    """What is printed without a terminal."""
    (model.parent / "samples").write_text(samples)
    return edgeseq.must("predict", model, "--input", model.parent / "samples").out


def test_the_help_names_every_command_once_by_the_flow_of_data(edgeseq: CommandLine) -> None:
    done = edgeseq("--help")
    listed = re.findall(r"^  (\w+)  +\w", done.out, re.MULTILINE)
    assert listed == list(cli.cli.commands)
    assert done.out.index("train ") < done.out.index("export ") < done.out.index("predict ")
    assert not COLOUR.search(done.out)


def test_colours_are_for_terminals_and_not_where_they_are_unwanted() -> None:
    """A mistake is said in colour on a terminal, plainly with NO_COLOR."""
    seen, _ = on_terminal("info", "--no-such-flag")
    assert COLOUR.search(seen)
    plain, _ = on_terminal("info", "--no-such-flag", NO_COLOR="1")
    assert plain == COLOUR.sub("", seen)
    seen, _ = on_terminal("--help", stdout=True)
    plain, _ = on_terminal("--help", stdout=True, NO_COLOR="1")
    assert COLOUR.search(seen)
    assert plain == COLOUR.sub("", seen)


def test_a_stream_is_drawn_on_stderr_and_its_forecasts_are_as_ever(model_path: Path, edgeseq: CommandLine) -> None:
    samples = "".join(f"{math.sin(t / 10):.4f}\n" for t in range(50))
    seen, printed = on_terminal("predict", str(model_path), "--live", stdin=samples)
    assert printed == quietly(edgeseq, model_path, samples)
    *drawn, summary = seen.splitlines()
    assert summary.startswith("50 samples: ")
    last = COLOUR.sub("", "\n".join(drawn).split("\x1b[K")[-1])
    assert re.fullmatch(r"f0 [▁▂▃▄▅▆▇█]{30,50} [▁▂▃▄▅▆▇█]{3} -0\.9825 → \S+ … \S+( \S+)?", last)


def test_on_the_same_terminal_each_forecast_has_a_line_of_its_own(model_path: Path, edgeseq: CommandLine) -> None:
    samples = "0.1\n0.2\nnan\n"
    seen, _ = on_terminal("predict", str(model_path), "--live", stdin=samples, stdout=True)
    left = [row.split("\x1b[K")[-1] for row in seen.splitlines()]  # what an erased line leaves
    assert [row for row in left if row.startswith("{")] == quietly(edgeseq, model_path, samples).splitlines()
    assert "imputed" in left[-2]


def test_where_nobody_would_see_it_nothing_is_drawn(model_path: Path, edgeseq: CommandLine) -> None:
    (model_path.parent / "samples").write_text("0.1\n")
    done = edgeseq("predict", model_path, "--live", "--input", model_path.parent / "samples")
    assert done.code == 0
    assert "--live has no effect: stderr is not a terminal" in done.err.splitlines()
    assert "\x1b" not in done.err


def test_many_streams_are_not_drawn(model_path: Path, edgeseq: CommandLine) -> None:
    done = edgeseq("predict", model_path, "--live", "--input-format", "influx")
    assert (done.code, done.err) == (2, "edgeseq: --live needs a single stream, without --mqtt, influx or --id\n")


def test_bars_by_hand() -> None:
    """Eight heights from the least to the greatest, a blank for what is missing, the lowest for what never changes."""
    assert terminal_view.sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert terminal_view.sparkline([-7, math.nan, 7]) == "▁ █"
    assert terminal_view.sparkline([3, 3]) == "▁▁"
    assert terminal_view.sparkline([]) == ""


@given(
    st.lists(st.floats(width=32), min_size=1, max_size=300),
    st.lists(st.floats(width=32), min_size=1, max_size=300),
    st.integers(1, 200),
)
def test_a_line_fits_the_terminal_whatever_comes(samples: list[float], forecast: list[float], columns: int) -> None:
    """The bars give way; the name and the numbers are never cut, however narrow it is."""
    drawn = click.unstyle(terminal_view.render_line("temp", "°C", samples, forecast, "ok", columns))
    bare = click.unstyle(terminal_view.render_line("temp", "°C", samples, forecast, "ok", 0))
    assert "\n" not in drawn
    assert len(drawn) <= max(columns - 1, len(bare))


@pytest.mark.parametrize("columns", [60, 100])
def test_a_long_stream_shows_its_end(columns: int) -> None:
    drawn = click.unstyle(terminal_view.render_line("temp", "", list(range(500)), [500.0, 501.0], "ok", columns))
    assert len(drawn) == columns - 1
    assert drawn.endswith("█ ██ 499 → 500 … 501")
