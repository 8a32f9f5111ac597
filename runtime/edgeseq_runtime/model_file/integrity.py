"""The integrity of a model file: a hash that finds any bit that was flipped, and a signature that says who made it.

Both stand in the spec, and are taken of the file with zeros in these two places and nowhere else. The signature is
Ed25519 over the hash.
"""

import base64
from collections.abc import Mapping

from edgeseq_runtime.errors import ModelFileError
from edgeseq_runtime.model_file.public_key import PublicKey
from edgeseq_runtime.spec import Spec

BLANK_HASH = "0" * 64
"""What stands in the spec where the hash is to come: as long as its hexadecimal digits."""

BLANK_SIGNATURE = "0" * 88
"""The same for a signature, which is 64 bytes in base64."""

_SIGNATURE_SIZE = 64

_PURPOSE = b"edgeseq model file 1\n"
"""What is signed begins with this, so that a signature for another purpose is none for this one."""

_CHANGED = "was changed after it was written"


def complaint(content: bytes, spec: Spec, place: slice, key: PublicKey | None = None) -> str | None:
    """Return why a model file is not to be trusted, in words that follow its name; None where nothing is wrong.

    It must be as it was written and, with a key, signed with its private half. `place` is where the spec stands.
    """
    if not spec.sha256:
        return "carries no hash: nobody can tell whether it is as it was written"
    signature = _signature(spec)
    if spec.signature and not signature:
        return f"{_CHANGED}: its signature is none"
    try:
        actual = digest(content, fields(content, spec, place))
    except ModelFileError as error:
        return f"{_CHANGED}: {error}"
    if actual != spec.sha256:
        return f"{_CHANGED}: its hash is another one"
    if key and not key.has_signed(message(actual), signature):
        return f"was not signed with the key that belongs to {key.name}"
    return None


def fields(content: bytes, spec: Spec, place: slice) -> dict[str, slice]:
    """Return where hash and signature stand in a model file's bytes, by their names; `place` is where the spec does.

    Raises `ModelFileError` where one of them does not stand in exactly one place.
    """
    text = content[place]
    found = {}
    for name, value, blank in (
        ("sha256", spec.sha256, BLANK_HASH),
        *([("signature", spec.signature, BLANK_SIGNATURE)] if spec.signature else []),
    ):
        before = f'"{name}":"'
        written = f'{before}{value}"'.encode(errors="replace")
        if len(value) != len(blank) or text.count(written) != 1:
            raise ModelFileError(f"the spec's {name} must stand in one place, and have {len(blank)} characters")
        start = place.start + text.index(written) + len(before)
        found[name] = slice(start, start + len(value))
    return found


def digest(content: bytes, fields: Mapping[str, slice]) -> str:
    """Return the hash of a model file in hexadecimal digits: SHA-256 with zeros in the places of hash and signature."""
    import hashlib  # brings OpenSSL, some milliseconds: not before there is something to hash

    taken, view, at = hashlib.sha256(), memoryview(content), 0
    for place in sorted(fields.values(), key=lambda place: int(place.start)):
        taken.update(view[at : place.start])
        taken.update(b"0" * (place.stop - place.start))
        at = place.stop
    taken.update(view[at:])
    return taken.hexdigest()


def message(hexadecimal: str) -> bytes:
    """Return what is signed of a file with this hash."""
    return _PURPOSE + bytes.fromhex(hexadecimal)


def _signature(spec: Spec) -> bytes:
    """Return the signature; nothing where there is none, or where its text is another than base64 makes of it."""
    try:
        signature = base64.b64decode(spec.signature, validate=True)
    except ValueError:
        return b""
    is_plain = len(signature) == _SIGNATURE_SIZE and base64.b64encode(signature).decode() == spec.signature
    return signature if is_plain else b""
