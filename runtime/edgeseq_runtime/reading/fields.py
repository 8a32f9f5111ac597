"""Where a sample's values stand in an object of JSON: under their names, deeper in it, or where a user says."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from edgeseq_runtime.errors import UsageError

ABSENT: Any = object()
"""What `find` returns where there is nothing."""

_INDEX = re.compile(r"\[(\d{1,6})\]")

_NAMES = ("name", "n", "id", "key", "label", "field", "type", "alias")
"""Keys under which the elements of a list say which of them is what: `metrics.temp` is that whose name is temp."""
_VALUES = ("value", "v", "val", "state", "vb", "vs")
"""Keys under which such an element has its value."""

_ASIDE = ("id", "ts", "t", "time", "timestamp", "unit")
"""Keys that stand beside a value."""

_DEEPEST, _MOST, _LONGEST = 8, 200, 80
"""Levels and values that are looked at for a hint, and characters of a path that it may show."""

_UNLIKE = 3
"""How like two names are that have nothing in common."""


def parse(options: Sequence[str]) -> dict[str, str]:
    """Return paths by name, of options written NAME=PATH. Raises `UsageError`."""
    paths: dict[str, str] = {}
    for option in options:
        name, equals, path = option.partition("=")
        if not equals or not name.strip() or not path.strip():
            raise UsageError(f"expected NAME=PATH such as temp=DS18B20.Temperature, got {option!r}")
        if name.strip() in paths:
            raise UsageError(f"{name.strip()} is given twice: {paths[name.strip()]} and {path.strip()}")
        paths[name.strip()] = path.strip()
    return paths


def find(content: Any, path: str) -> Any:
    """Return what stands at a path, `ABSENT` where nothing does.

    Points part its steps: `a.b`, `temps.0` and `temps[0]`. A key that holds points itself comes first, and the key as
    it is written before the one key that differs in its case. In a list of objects a step may be an element's name.
    """
    if isinstance(content, dict):
        return _in_object(content, path)
    if isinstance(content, list):
        return _in_list(content, path)
    return ABSENT


def rename_unique(names: list[str], wanted: str) -> None:
    """Call the one name that differs from a wanted one in its case only as it is wanted."""
    alike = [at for at, name in enumerate(names) if name.lower() == wanted.lower()]
    if len(alike) == 1 and wanted not in names:
        names[alike[0]] = wanted


def hint(content: Any, names: Sequence[str]) -> str:
    """Return where in an object a value lies that may be the first of the features, as an option; "" for nowhere."""
    leaves = [path for path, value in scalars(content) if len(path) <= _LONGEST and _may_be_number(value)]
    for name in names:
        alike = sorted((_likeness(path, name), at, path) for at, path in enumerate(leaves))
        if alike and alike[0][0] < _UNLIKE:
            path = alike[0][2]
            above = path.rpartition(".")[0]
            return f"{f'found below {above}: ' if above else ''}--field {name}={path}"
    return ""


def _likeness(path: str, name: str) -> int:
    """Return how like a name the last step of a path is: 0 for the same, 3 for not at all."""
    last, name = path.rpartition(".")[2].lower(), name.lower()
    if path.lower() in _VALUES:  # of a payload that says nothing else
        return 2
    if last == name or any(step.lower() == name for step in path.split(".")):
        return 0
    if last.startswith(name) or name.startswith(last):
        return 1
    return 2 if name in path.lower() and last not in _ASIDE else _UNLIKE


def _may_be_number(value: Any) -> bool:
    return isinstance(value, int | float) or (isinstance(value, str) and value[:1] in "+-0123456789")


def scalars(content: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the paths of all that is no object and no list, with what stands there; a bounded number of them.

    An element of a list that says how it is called, and its value, is that value under that name.
    """
    if depth > _DEEPEST:
        return
    steps: Iterator[tuple[Any, Any]]
    if isinstance(content, dict):
        steps = iter(content.items())
    elif isinstance(content, list):
        steps = ((_name_of(element) or at, element) for at, element in enumerate(content))
    else:
        yield path, content
        return
    count = 0
    for step, value in steps:
        if isinstance(content, list) and _name_of(value):
            value = _value_of(value)  # noqa: PLW2901 - what stands under that name
        for found in scalars(value, f"{path}.{step}" if path else str(step), depth + 1):
            yield found
            count += 1
            if count >= _MOST:
                return


def _in_object(content: dict[str, Any], path: str) -> Any:
    if path in content:
        return content[path]
    for key, rest in _parts(_INDEX.sub(r".\1", path)):
        if key in content and (found := find(content[key], rest) if rest else content[key]) is not ABSENT:
            return found
    for key, rest in _parts(_INDEX.sub(r".\1", path)):
        alike = [name for name in content if name.lower() == key.lower()]
        if len(alike) == 1:
            found = find(content[alike[0]], rest) if rest else content[alike[0]]
            if found is not ABSENT:
                return found
    return ABSENT


def _parts(path: str) -> Iterator[tuple[str, str]]:
    """Yield a path's ways into a key and the rest, the longest key first."""
    at = len(path)
    while at > 0:
        yield path[:at], path[at + 1 :]
        at = path.rfind(".", 0, at)


def _in_list(content: list[Any], path: str) -> Any:
    step, _, rest = path.partition(".")
    if step.isdigit() and len(step) < 7 and int(step) < len(content):
        element = content[int(step)]
        return find(element, rest) if rest else element
    for key, further in _parts(path):
        named = [element for element in content if _name_of(element) == key]
        if len(named) == 1:
            return find(named[0], further) if further else _value_of(named[0])
    return ABSENT


def _name_of(element: Any) -> str | None:
    if not isinstance(element, dict):
        return None
    return next((element[key] for key in _NAMES if isinstance(element.get(key), str)), None)


def _value_of(element: dict[str, Any]) -> Any:
    """Return the value of an element with a name, or the element itself."""
    return next((element[key] for key in _VALUES if key in element), element)
