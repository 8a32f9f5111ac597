"""The documentation as a site: it builds without a warning and opens offline, and its pages are about what there is."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from edgeseq.cli import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
CLI = (DOCS / "cli.md").read_text()


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS))


# The site


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built anew as `make docs` builds it."""
    own = ROOT / ".venv-docs" / "bin" / "python"
    python = sys.executable if find_spec("mkdocs") else str(own)
    if not Path(python).exists() or not (find_spec("mkdocs") or own.exists()):
        pytest.skip("mkdocs is not installed; `make docs` installs it")
    target = tmp_path_factory.mktemp("site")
    command = [
        python,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--site-dir",
        str(target),
    ]  # --quiet would hide warnings from it
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return target


def test_the_site_has_every_page_and_picture(site: Path) -> None:
    for page in PAGES:
        assert (site / page.relative_to(DOCS)).with_suffix(".html").exists(), name_of(page)
    for picture in DOCS.rglob("*.png"):
        assert (site / picture.relative_to(DOCS)).exists()


def test_the_site_fetches_nothing(site: Path) -> None:
    """No script, style, font, frame or picture comes from elsewhere; what a reader clicks may lead there."""
    fetched = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="((?:https?:)?//[^"]+)"')
    styled = re.compile(r"(?:@import|url\()\s*[\"']?((?:https?:)?//[^)\"']+)")
    pages, styles = list(site.rglob("*.html")), list(site.rglob("*.css"))
    assert len(pages) > len(PAGES)
    assert styles
    for page in pages:
        assert fetched.findall(page.read_text()) == []
    for style in [*styles, *pages]:
        assert styled.findall(style.read_text()) == []


def test_the_search_needs_no_server(site: Path) -> None:
    """The index lies there as a script, and the worker has a stand-in for pages that were opened as files."""
    assert (site / "search" / "search_index.js").read_text().startswith("var __index")
    assert 'src="assets/iframe-worker.js"' in (site / "index.html").read_text()


# Its pages, without the site


def links(page: Path) -> Iterator[tuple[Path, str]]:
    """File and anchor of each link that stays within the project."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        yield ((page.parent / file).resolve() if file else page), anchor


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for file, anchor in links(page):
        assert file.exists(), file.name
        assert not anchor or anchor in anchors(file), f"{file.name}#{anchor}"


RUN_BY = {
    "cells.md": "test_docs.py",
    "raspberry-pi.md": "test_raspberry_pi.py",
    "microcontroller.md": "test_microcontroller_page.py",
    "format.md": "test_format.py",
    **{f"{name}.md": "test_pages.py" for name in ("cli", "install", "training", "integrations", "api/index")},
    "tutorial.md": "conftest.py",
    **{name_of(page): "test_pages.py" for page in DOCS.glob("how-to/*.md")},
}
"""Pages whose code is run -> by which test."""

NOT_RUN = {
    "starter.md": "a training of hours, and a benchmark of it",
    "engines.md": "a benchmark, in an environment of its own",
    "peers.md": "likewise",
    "libraries.md": "likewise",
    "calibration.md": "likewise",
    "nab.md": "likewise, with files that do not ship",
    "scaling.md": "a benchmark, of many minutes",
    "benchmarks.md": "commands of many minutes; their parts are among the slow tests",
}
"""The others, and why not."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_code_of_every_page_is_run_by_a_test(page: Path) -> None:
    """Or there is a reason why it is not."""
    if not re.search(r"^```(sh|python)", page.read_text(), re.MULTILINE):
        return
    name = name_of(page)
    assert (name in RUN_BY) != (name in NOT_RUN)
    if name in RUN_BY:
        assert page.stem in (ROOT / "tests" / "docs" / RUN_BY[name]).read_text()


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    shown = re.findall(r"([\w./-]+\.md)$", navigation, re.MULTILINE)
    assert sorted(shown) == sorted(map(name_of, PAGES))


# The command line's page, against click


def section(command: str) -> str:
    return re.split(r"^## ", CLI.split(f"\n## {command}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("command", cli.commands)
def test_a_commands_options_are_on_the_page_and_no_others(command: str) -> None:
    """All of them stand in the first column of its tables."""
    options = [option for option in cli.commands[command].params if isinstance(option, click.Option)]
    wanted = {name for option in options for name in (*option.opts, *option.secondary_opts)}
    cells = [row.split(" | ")[0] for row in section(command).splitlines() if row.startswith("|")]
    shown = set(re.findall(r"(?<![\w-])(--?[a-z][a-z-]*)", "".join(cells)))
    assert shown == wanted


@pytest.mark.parametrize("command", cli.commands)
def test_every_option_has_a_word_of_help(command: str) -> None:
    for option in cli.commands[command].params:
        assert not isinstance(option, click.Option) or option.help, option.name


def test_each_option_has_a_meaning_in_the_table() -> None:
    """No second column is empty."""
    rows = [row for row in CLI.splitlines() if row.startswith("| `-")]
    assert len(rows) > 60
    for row in rows:
        assert row.split(" | ")[1].strip(" |"), row


@pytest.mark.parametrize("command", cli.commands)
def test_what_an_option_may_be_is_on_the_page(command: str) -> None:
    text = section(command)
    for option in cli.commands[command].params:
        for choice in getattr(option.type, "choices", ()):
            assert re.search(rf"(?<![\w-]){re.escape(choice)}(?![\w-])", text), f"{option.name} {choice}"


def test_the_commands_stand_in_the_order_of_their_help() -> None:
    headings = re.findall(r"^## (\w+)$", CLI, re.MULTILINE)
    assert headings == list(cli.commands)


def test_the_environments_variables_are_those_of_the_code() -> None:
    """Whatever the packages read from the environment is in the table."""
    table = CLI.partition("## Environment variables")[2]
    found = set()
    for package in ("edgeseq", "export/edgeseq_export", "runtime/edgeseq_runtime"):
        for path in (ROOT / package).rglob("*.py"):
            found |= set(re.findall(r"os\.environ(?:\.\w+\(|\[)\"(\w+)\"", path.read_text()))
    assert {"CC", "CFLAGS", "XDG_CACHE_HOME", "ORT_DISABLE_TELEMETRY"} <= found
    for name in found:
        assert f"`{name}`" in table, name
    for name in ("USERNAME", "PASSWORD", "CA", "CERT", "KEY"):
        assert f"`EDGESEQ_MQTT_{name}`" in table


COMPLETIONS = {
    "edgeseq ex": ["export"],
    "edgeseq export --qu": ["--quantize"],
    "edgeseq export --quantize int": ["int8", "int4", "int8-dynamic"],
    "edgeseq predict --missing s": ["skip"],
}


@pytest.mark.parametrize("typed", COMPLETIONS)
def test_bash_completes(typed: str, tmp_path: Path) -> None:
    """The page's line, then what bash does when Tab is pressed."""
    (line,) = re.findall(r'^eval "\$\(_EDGESEQ_COMPLETE=bash_source edgeseq\)"$', CLI, re.MULTILINE)
    words = typed.split()
    script = (
        f"{line}\nCOMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}\n"
        f"compopt() {{ :; }}; _edgeseq_completion edgeseq\n"
        'printf "%s\\n" "${COMPREPLY[@]}"; complete -p edgeseq >&2\n'
    )
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run(
        ["/bin/bash", "-eu"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == COMPLETIONS[typed], done.stderr
    assert "-F _edgeseq_completion edgeseq" in done.stderr


def test_the_script_for_other_shells_is_made() -> None:
    for shell, mark in (("zsh", "#compdef edgeseq"), ("fish", "complete --no-files --command edgeseq")):
        environment = {**os.environ, "_EDGESEQ_COMPLETE": f"{shell}_source"}
        done = subprocess.run(
            [sys.executable, "-c", "from edgeseq.__main__ import main; main()"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert mark in done.stdout
