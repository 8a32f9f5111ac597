"""A file system of a few kB, to be full soon."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(place: Path, size: str) -> Iterator[Path]:
    """Have one of this size, such as 64k, at a new folder; skip the test where the user may not mount any."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    place.mkdir()
    words = [str(mount), "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if not (mount and umount) or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("this user cannot mount a file system")
    try:
        yield place
    finally:
        subprocess.run([str(umount), str(place)], check=True)
