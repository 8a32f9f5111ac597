"""How columns known ahead are called in a table."""

from types import SimpleNamespace

import pytest

from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io.known_columns import KnownColumns
from edgeseq_runtime.reading.reading import Reading


def _columns(called: str) -> KnownColumns:
    spec = SimpleNamespace(
        known=(SimpleNamespace(name="outdoor", codes={}, minimum=-9.0, maximum=30.0, unit=""),), features=(), horizon=2
    )
    return KnownColumns(spec, Reading(), {"outdoor": called})  # type: ignore[arg-type]


def test_a_name_that_was_asked_for_and_lacks_is_refused() -> None:
    """A column that a path names must be in the table, as values now or as values ahead."""
    with pytest.raises(DataError, match="no column 'nope', nor 'nope\\+1'"):
        _columns("nope").begin(["load", "outdoor"])
    _columns("t2m").begin(["load", "t2m"])
    _columns("t2m").begin(["load", "t2m+2"])
