"""The page about microcontrollers does what it says: its commands are run, its program compiles and forecasts."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edgeseq_export.c.toolchain import compiler

PAGE = (Path(__file__).parents[2] / "docs" / "microcontroller.md").read_text()

ELSEWHERE = ("make microcontroller",)
"""Needs an environment of its own; test_microcontrollers.py runs what it measures."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.skipif(compiler() is None or not shutil.which("cc"), reason="there is no C compiler here")
def test_every_command_works_in_the_order_of_the_text(place: Path) -> None:
    """The program takes the missing sample for what it is, the detector sees the spike, the self-test no error."""
    for name, program in zip(("main.c", "watch.c"), blocks("c"), strict=True):
        (place / name).write_text(program)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    printed = {}
    for command in "".join(blocks("sh")).splitlines():
        if not command.startswith(ELSEWHERE):
            words = ["/bin/bash", "-euc", command]
            done = subprocess.run(words, check=True, cwd=place, env=environment, capture_output=True, text=True)
            printed[command] = done.stdout
    (lines,) = [text for command, text in printed.items() if "./watch" in command]
    assert lines == "a sample unlike those before\n"
    (lines,) = [text for command, text in printed.items() if "./boiler" in command]
    assert re.fullmatch(r"((forecast|too early) \d\d\.\d{3}\n){4}", lines)
    assert (place / "forecast_boiler" / "examples" / "forecast" / "forecast.ino").exists()


@pytest.mark.skipif(not shutil.which("cmake"), reason="there is no cmake here")
def test_the_line_for_zephyr_is_cmake(tmp_path: Path) -> None:
    (line,) = blocks("cmake")
    shown = "message(STATUS ${ZEPHYR_EXTRA_MODULES})\n"
    (tmp_path / "CMakeLists.txt").write_text(f"cmake_minimum_required(VERSION 3.20)\nproject(x C)\n{line}{shown}")
    words = [shutil.which("cmake") or "", "-S", str(tmp_path), "-B", str(tmp_path / "b")]
    done = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    assert f"{tmp_path}/forecast_boiler" in done
