"""What training says of a network that its linear path hardly needs."""

from edgeseq.commands.train_run import _advice


def test_a_smaller_network_is_proposed_only_where_there_is_one() -> None:
    """Who typed --hidden 8 is not told to type it."""
    assert "--hidden 8" in _advice(0.0, 30)[0]
    assert _advice(0.0, 8) == []
    assert _advice(0.5, 30) == []
