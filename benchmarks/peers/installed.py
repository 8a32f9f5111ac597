"""What pip installed for an engine: versions and sizes, as its own records have them."""

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def version(package: str) -> str:
    """Return a package's version. Raises `PackageNotFoundError`."""
    return metadata.version(package)


def megabytes(packages: tuple[str, ...]) -> float:
    """Return the size of all files of packages and of what they require, of 1,000,000 bytes."""
    return sum(_size(name) for name in _with_requirements(packages)) / 1e6


def _with_requirements(packages: tuple[str, ...]) -> set[str]:
    found: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name not in found:
            found.add(name)
            wanted = map(Requirement, metadata.requires(name) or [])
            waiting += [each.name for each in wanted if not each.marker or each.marker.evaluate({"extra": ""})]
    return found


def _size(package: str) -> int:
    """Return the bytes of a package's files; of one that is installed as a link, only those of the link."""
    paths = [Path(file.locate()) for file in metadata.files(package) or []]
    return sum(path.stat().st_size for path in paths if path.exists())
