"""What the tests of reading share."""

from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.reading.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path, edgeseq: CommandLine) -> Workbench:
    """A folder of the test's own, and the commands."""
    return Workbench(tmp_path, edgeseq)
