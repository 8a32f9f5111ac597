"""Units behind numbers: which text is one, and which mean the same."""

import re
import unicodedata

_UNIT_ATOM = (
    r"(?:°[CFK]?|deg ?[CF]|%|‰|ppm|ppb|ppt|pH|dBm?A?|bar|mbar|hPa|psi|mmHg|inHg|atm|rpm|lx|lux|klx|lm|cd|"
    r"(?:[pnuµμmcdhkMGT]?(?:m|g|s|A|K|W|Wh|V|VA|VAr|var|VAh|J|N|Nm|Pa|Hz|Ohm|ohm|Ω|F|H|T|C|L|l|mol|Bq|Sv|Gy|S|eV|cal|B|bit|"
    r"Wp|Ah|t|ha|a))|min|h|d|hr|sec|ms|in|ft|yd|mi|mph|kn|kt|kts|lb|lbs|oz|gal|gpm|cfm|BTU|Btu|therm|RH|rH|"
    r"counts?|cts?|imp|pulses?|EUR|USD|GBP|ct|€|\$|£)"
)
_POWER = r"(?:[23²³]|\^-?[123]|-[123])?"

_UNIT = re.compile(rf"{_UNIT_ATOM}{_POWER}(?:[ ·*/]{_UNIT_ATOM}{_POWER}){{0,3}}")
"""Symbols in use, with powers, as products and quotients."""


def is_unit(text: str) -> bool:
    """Whether a text is a unit that is in use, such as kWh, m/s or °C."""
    return bool(_UNIT.fullmatch(text))


def unit_key(unit: str) -> str:
    """Return a unit such that those which mean the same are equal: ℃, ºC, degC and C."""
    text = unicodedata.normalize("NFKC", unit.replace("º", "°").replace("˚", "°")).replace(" ", "").replace("^", "")
    return re.sub(r"^(?:°|deg)(?=[CFK]$)", "", text)
