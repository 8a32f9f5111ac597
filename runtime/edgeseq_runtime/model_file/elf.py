"""What an ELF file has at a symbol, read from its bytes (ELF-64 object file format, version 1.5): nothing is loaded."""

import struct

_LITTLE_64_BIT = b"\x7fELF\x02\x01"

_DYNAMIC_SYMBOLS = 11
"""Type of the section that lists what a library offers."""

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")


def find_symbol(content: bytes, name: str) -> bytes | None:
    """Return what a library has at the symbol `name`, None where it has none: or is cut short, or of another kind."""
    if not content.startswith(_LITTLE_64_BIT):
        return None
    try:
        start, count = struct.unpack_from("<Q", content, 0x28)[0], struct.unpack_from("<H", content, 0x3C)[0]
        sections = [_SECTION.unpack_from(content, start + at * _SECTION.size) for at in range(count)]
        for _, kind, _, _, offset, size, link, *_ in sections:
            if kind != _DYNAMIC_SYMBOLS:
                continue
            names = sections[link][4]
            for at in range(offset, offset + size, _SYMBOL.size):
                name_at, _, _, section, value, length = _SYMBOL.unpack_from(content, at)
                if content.startswith(name.encode() + b"\0", names + name_at):
                    place = value - sections[section][3] + sections[section][4]
                    found = content[place : place + length] if place >= 0 else b""
                    return found if len(found) == length else None
    except (struct.error, IndexError, OverflowError):  # it says of itself what is not there
        pass
    return None
