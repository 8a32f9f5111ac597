"""What an ELF file has at a symbol, read from its bytes (ELF-64 object file format, version 1.5): nothing is loaded."""

import struct

_LITTLE_64_BIT = b"\x7fELF\x02\x01"

_DYNAMIC_SYMBOLS = 11
"""Type of the section that lists what a library offers."""

_MOST_SYMBOLS = 10_000
"""That are looked at; a library of edgeseq has some ten."""

_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")


def find_symbol(content: bytes, name: str) -> bytes | None:
    """Return what a library has at the symbol `name`, None where it has none: or is cut short, or of another kind."""
    if not content.startswith(_LITTLE_64_BIT):
        return None
    try:
        start, count = struct.unpack_from("<Q", content, 0x28)[0], struct.unpack_from("<H", content, 0x3C)[0]
        sections = [_SECTION.unpack_from(content, start + at * _SECTION.size) for at in range(count)]
        symbols = next(section for section in sections if section[1] == _DYNAMIC_SYMBOLS)
        names = sections[symbols[6]][4]
        for number in range(min(symbols[5] // _SYMBOL.size, _MOST_SYMBOLS)):
            name_at, _, _, section, value, length = _SYMBOL.unpack_from(content, symbols[4] + number * _SYMBOL.size)
            if content.startswith(name.encode() + b"\0", names + name_at):
                place = value - sections[section][3] + sections[section][4]
                found = content[place : place + length] if place >= 0 else b""
                return found if len(found) == length else None
    except (struct.error, IndexError, OverflowError, StopIteration):  # it says of itself what is not there
        pass
    return None
