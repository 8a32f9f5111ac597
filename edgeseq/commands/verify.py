"""`edgeseq verify`: the file as it was written, and its own test vector, on the device where it stands."""

import json
import math
from typing import TYPE_CHECKING

import click

from edgeseq.commands.options.common import json_option, library_option, model_argument
from edgeseq.text import table
from edgeseq_runtime.errors import CheckError

if TYPE_CHECKING:
    from edgeseq_runtime.backends.base import Session


@click.command()
@model_argument
@click.option("--provider", default="all", show_default=True, help="all of onnxruntime's that are here, or a name.")
@library_option
@click.option(
    "--key",
    type=click.Path(exists=True, dir_okay=False),
    metavar="KEY.pem",
    help="The public key of who should have signed it.",
)
@json_option
def verify(model: str, *, provider: str, key: str | None, as_json: bool) -> None:
    r"""Check that MODEL is as it was written, run its embedded samples here and compare with the oracle's results.

    In steps and in a chunk, with the states that are left, on each provider. Exit code 1 if anything differs.

    \b
    edgeseq verify sine.onnx
    edgeseq verify sine.onnx --key public.pem
    """
    from edgeseq_runtime import integrity
    from edgeseq_runtime.backends.self_test import deviations, passed

    sessions, left_out = _sessions(model, provider)
    first = next(iter(sessions.values()))
    complaint = integrity.check(first.content, first.spec, key)
    found = {name: deviations(session) for name, session in sessions.items()}
    worst = {way: max((each[way] for each in found.values()), key=_badness) for way in next(iter(found.values()))}
    good = all(map(passed, found.values()))
    if as_json:
        result = {
            "passed": good and not complaint,
            "complaint": complaint,
            "providers": list(found),
            "deviation": _finite(worst),
            "engines": {name: _finite(each) for name, each in found.items()},
            "left_out": left_out,
        }
        click.echo(json.dumps(result, allow_nan=False))
    else:
        rows = [(name, *(f"{share:.3f}" for share in each.values())) for name, each in found.items()]
        click.echo(table(("deviation, of what is allowed", *worst), rows))
        for name, why in left_out.items():
            click.echo(f"{name} is left out: {why}")
    if complaint:
        raise CheckError(complaint)
    if not good:
        most = max(worst.values(), key=_badness)
        raise CheckError(f"{model} deviates from the oracle here, by {most:.3g} times what is allowed")
    if not as_json:
        signed = f", and signed with the key of {key}" if key else ""
        click.echo(f"{model} is as it was written (SHA-256 {first.spec.sha256[:16]}...){signed}")


def _sessions(model: str, provider: str) -> "tuple[dict[str, Session], dict[str, str]]":
    """Return a session on each provider, and why others are left out."""
    from edgeseq_runtime.backends.open import open_everywhere, open_session

    if provider == "all":
        return open_everywhere(model)
    session = open_session(model, provider=provider)
    return {session.providers[0]: session}, {}


def _badness(share: float) -> float:
    """NaN is worse than any number."""
    return math.inf if math.isnan(share) else share


def _finite(found: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {way: share if math.isfinite(share) else None for way, share in found.items()}
