"""`edgeseq verify`: the file as it was written, and its own test vector, on the device where it stands."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from edgeseq.commands.options.common import json_option, key_option, model_argument
from edgeseq.commands.options.provider import Libraries, library_option, register
from edgeseq.text import table
from edgeseq_runtime.errors import CheckError
from edgeseq_runtime.printable import printable

if TYPE_CHECKING:
    from edgeseq_runtime.backends.base import Session
    from edgeseq_runtime.model_file.source import Source

Deviations = Mapping[str, float]
"""Way of running -> largest deviation from the oracle, as a share of what is allowed; NaN where a result is none."""


@dataclass(frozen=True)
class Report:
    """What came of checking one model file."""

    complaint: str | None
    """What is wrong with the file or its signature; nothing of it was run then."""
    deviations: Mapping[str, Deviations]
    """By provider."""
    left_out: Mapping[str, str]
    """Provider -> why the file cannot run on it."""
    agrees: bool
    """Whether all results are as near to the oracle's as is allowed."""
    sha256: str

    @property
    def worst(self) -> Deviations:
        """The largest deviation of each way over all providers."""
        rows = list(self.deviations.values())
        return {way: max((row[way] for row in rows), key=_badness) for way in rows[0]} if rows else {}


@click.command()
@model_argument
@click.option(
    "--provider", default="all", show_default=True, help="all (ONNX Runtime's providers here), or one by name."
)
@library_option
@key_option
@json_option
def verify(model: str, *, provider: str, libraries: Libraries, key: str | None, as_json: bool) -> None:
    r"""Check that MODEL is unchanged, run the test samples in it here, and compare with the results stored in it.

    They run sample by sample and in a chunk, on each provider; forecasts and states are compared. Exit code 1 if
    anything differs. A file that was changed, or is not signed with the key, is never run.

    \b
    edgeseq verify sine.onnx
    edgeseq verify sine.onnx --key public.pem
    """
    register(libraries)
    report = verify_file(model, provider, key)
    if as_json or not report.complaint:
        click.echo(_as_json(report) if as_json else _as_text(report))
    if report.complaint:
        raise CheckError(report.complaint)
    if not report.agrees:
        worst = max(report.worst.values(), key=_badness)
        raise CheckError(f"{model} computes something else here: it deviates by {worst:.3g} times what is allowed")
    if not as_json:
        signed = f", and signed with the key that belongs to {key}" if key else ""
        click.echo(f"{model} is unchanged (SHA-256 {report.sha256[:16]}...){signed}")


def verify_file(model: str, provider: str, key: str | None) -> Report:
    """Check a model file on one provider, or on "all"; with a public key, its signature first.

    Raises `ModelFileError`, and `UsageError` for a provider that is not here.
    """
    from edgeseq_runtime.backends.verification import deviations, passed
    from edgeseq_runtime.model_file.public_key import PublicKey
    from edgeseq_runtime.model_file.source import Source

    public = PublicKey.read(key) if key else None
    source = Source.read(model, provider)
    sha256 = source.spec.sha256 if source.spec else ""
    complaint = source.complaint(public)
    if complaint:
        kind = "the library" if source.library else "the model file"
        return Report(f"{kind} {complaint}", {}, {}, agrees=False, sha256=sha256)
    sessions, left_out = _open(source, provider)
    by_provider = {name: deviations(session) for name, session in sessions.items()}
    return Report(None, by_provider, left_out, all(map(passed, by_provider.values())), sha256)


def _open(source: "Source", provider: str) -> "tuple[dict[str, Session], dict[str, str]]":
    """Return a session on each provider, and why others are left out."""
    from edgeseq_runtime.backends.open import open_everywhere, open_session

    if provider == "all":
        return open_everywhere(source)
    session = open_session(source, provider=provider)
    return {session.providers[0]: session}, {}


def _as_text(report: Report) -> str:
    rows = [(name, *(f"{share:.3f}" for share in row.values())) for name, row in report.deviations.items()]
    lines = [table(("deviation / allowed", *report.worst), rows)]
    lines += [printable(f"{name} is left out: {why}") for name, why in report.left_out.items()]
    return "\n".join(lines)


def _as_json(report: Report) -> str:
    fields = {
        "passed": report.agrees and not report.complaint,
        "complaint": report.complaint,
        "providers": list(report.deviations),
        "deviation": _finite(report.worst),
        "engines": {name: _finite(row) for name, row in report.deviations.items()},
        "left_out": report.left_out,
    }
    return json.dumps(fields, allow_nan=False)


def _badness(share: float) -> float:
    """NaN is worse than any number."""
    return math.inf if math.isnan(share) else share


def _finite(deviations: Deviations) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {way: share if math.isfinite(share) else None for way, share in deviations.items()}
