"""The size of an installation: the files that pip laid down for some packages and for all that they require.

Extras are followed: neuralforecast requires `ray[tune]`, which brings 200 MB more.
"""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def megabytes(*requirements: str) -> float:
    """Return the size of what requirements such as `edgeseq[train]` have brought here, of 1,000,000 bytes.

    Raises `PackageNotFoundError` where one is not installed.
    """
    return sum(_size(name) for name in packages(*requirements)) / 1e6


def packages(*requirements: str) -> set[str]:
    """Return the names of all that is required, what the extras that are named bring included."""
    seen: set[tuple[str, str]] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        for extra in ("", *wanted.extras):
            if (name, extra) not in seen:
                seen.add((name, extra))
                waiting += _needed(name, extra)
    return {name for name, _ in seen}


def _needed(name: str, extra: str) -> list[Requirement]:
    """Return what a package asks for here, where one of its extras is wanted too."""
    found = map(Requirement, metadata.requires(name) or [])
    return [each for each in found if not each.marker or each.marker.evaluate({"extra": extra})]


def _size(package: str) -> int:
    """Return the bytes of a package's files; of one that is installed as a link, only those of the link."""
    paths = [Path(str(file.locate())) for file in metadata.files(package) or []]
    return sum(path.stat().st_size for path in paths if path.exists())
