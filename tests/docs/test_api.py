"""The Python reference lists the public names, no more and no less, and the layers as the linter has them."""

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
API = ROOT / "docs" / "api"

MODULES = ("errors", "providers")
"""Of `edgeseq_runtime`: public as modules."""


def public(package: str) -> set[str]:
    return {*import_module(package).__all__} - {"__version__"}


@pytest.mark.parametrize("package", ["edgeseq", "edgeseq_export", "edgeseq_runtime"])
def test_the_overview_names_what_is_public(package: str) -> None:
    (row,) = re.findall(rf"^\| \[{package}\]\(.*$", (API / "index.md").read_text(), re.MULTILINE)
    names = set(re.findall(r"`(\w+)`", row.split(" | ")[-1]))
    modules = set(MODULES) if package == "edgeseq_runtime" else set()
    assert names == public(package) | modules


@pytest.mark.parametrize("package", ["edgeseq", "edgeseq_export", "edgeseq_runtime"])
def test_a_packages_page_has_what_is_public(package: str) -> None:
    shown = re.findall(rf"^::: {package}\.(\w+)$", (API / f"{package}.md").read_text(), re.MULTILINE)
    modules = MODULES if package == "edgeseq_runtime" else ()
    assert sorted(shown) == sorted([*public(package), *modules])


@pytest.mark.parametrize("module", MODULES)
def test_the_page_of_the_device_has_all_of_a_public_module(module: str) -> None:
    text = (API / "edgeseq_runtime.md").read_text()
    (members,) = re.findall(
        rf"^::: edgeseq_runtime\.{module}\n(?:    .*\n)*?      members: \[(.*)\]$", text, re.MULTILINE
    )
    found = import_module(f"edgeseq_runtime.{module}")
    own = getattr(found, "__all__", None) or [
        name for name, value in vars(found).items() if getattr(value, "__module__", "") == found.__name__
    ]
    on_the_page = {*members.split(", "), *re.findall(r"^::: edgeseq_runtime\.(\w+)$", text, re.MULTILINE)}
    assert set(own) - on_the_page == set()
    assert set(members.split(", ")) <= set(own)


def test_the_overviews_layers_are_those_of_the_linter() -> None:
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"][0]["layers"]
    packages = [layer for layer in layers if re.fullmatch(r"edgeseq(_export|_runtime|\.\w+)", layer)]
    shown = re.findall(r"^    (edgeseq[\w.]*)(?:  .*)?$", (API / "index.md").read_text(), re.MULTILINE)
    assert shown == packages
