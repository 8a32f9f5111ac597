"""In which notations a text may be a time: guesses, of which a column, or a stream, then decides."""

import re

_NAME = r"[A-Za-z]{3,9}\.?"
_WEEKDAY = re.compile(
    r"(?i)(mon|tue|wed|thu|fri|sat|sun)(day|s|sday|nesday|rsday|urday|r|rs)?\.?(?P<rest>,? +)(?=[0-9A-Za-z])"
)

_DATES = (
    (r"[0-9]{4}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{1,2}", ("%Y{s}%m{s}%d",)),
    (r"[0-9]{1,2}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{4}", ("%d{s}%m{s}%Y", "%m{s}%d{s}%Y")),
    (r"[0-9]{1,2}(?P<s>[-/. ])[0-9]{1,2}(?P=s)[0-9]{2}(?![0-9])", ("%d{s}%m{s}%y", "%m{s}%d{s}%y", "%y{s}%m{s}%d")),
    (rf"[0-9]{{1,2}}(?P<s>\.? |[-/.]?){_NAME}(?P<t>,? |[-/.]?)[0-9]{{4}}", ("%d{s}%b{t}%Y",)),
    (rf"[0-9]{{1,2}}(?P<s>\.? |[-/.]?){_NAME}(?P<t>,? |[-/.]?)[0-9]{{2}}(?![0-9])", ("%d{s}%b{t}%y",)),
    (rf"[0-9]{{4}}(?P<s>[-/. ]?){_NAME}(?P<t>[-/. ]?)[0-9]{{1,2}}", ("%Y{s}%b{t}%d",)),
    (rf"{_NAME}(?P<s>[ -/]+)[0-9]{{1,2}}(?P<t>,? |[-/])[0-9]{{4}}", ("%b{s}%d{t}%Y",)),
    (r"[0-9]{8}(?![0-9])", ("%Y%m%d",)),
    (r"[0-9]{4}(?P<s>[-/.])[0-9]{1,2}", ("%Y{s}%m",)),
    (r"[0-9]{1,2}(?P<s>[-/.])[0-9]{4}", ("%m{s}%Y",)),
    (rf"{_NAME}(?P<s>,? |[-/.]?)[0-9]{{4}}", ("%b{s}%Y",)),
    (rf"{_NAME}(?P<s>,? |[-/.])[0-9]{{2}}(?![0-9])", ("%b{s}%y",)),
    (rf"[0-9]{{4}}(?P<s>[-/. ]?){_NAME}", ("%Y{s}%b",)),
)
"""What the begin of a cell may look like, and how a date is then written; s and t are what parts it."""

_COMPILED_DATES = [(re.compile(pattern), forms) for pattern, forms in _DATES]

_BETWEEN = re.compile(r" *[T,_/-] *|:| +")
_CLOCK = re.compile(
    r"(?P<H>[0-9]{1,2})(?:(?P<s>[:.])(?P<M>[0-9]{2})(?:(?P=s)(?P<S>[0-9]{2})(?P<f>[.,:][0-9]{1,9})?)?)?"
    r"(?![0-9])(?P<p>(?P<b> *)[AaPp]\.?[Mm]\b\.?)?"
)
_PACKED_CLOCK = re.compile(r"[0-9]{6}|[0-9]{4}")
_ZONE = re.compile(
    r"(?P<b> *)(?:(?P<z>Z(?![A-Za-z])|(?:UTC|GMT)?[+-][0-9]{1,2}(?::?[0-9]{2})?)(?:(?P<c> +)(?P<n>[A-Z]{1,5}))?"
    r"|(?P<Z>[A-Za-z]{1,5}))"
)
_UNIX = re.compile(
    rf"(?P<a>(?:[A-Za-z]{{3}} )?){_NAME} +[0-9]{{1,2}} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(?P<z> [A-Z]{{1,5}})? [0-9]{{4}}"
)

_LONGEST = 100
"""Characters of a time."""

TIME_OF_DAY = re.compile(
    r"[0-9]{1,2}(?::[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?|\.[0-9]{2}\.[0-9]{2})?(?P<p> *[AaPp]\.?[Mm]\.?)?"
)
"""What a time without a date looks like; a bare number is one only with am or pm, or beside a date."""


def guessed(cell: str) -> list[str]:
    """Return the notations that a cell may be written in, day first before month first."""
    if len(cell) > _LONGEST:
        return []
    unix = _UNIX.fullmatch(cell)
    if unix:
        return [f"{unix['a'] and '%a '}%b %e %H:%M:%S{' %Z' if unix['z'] else ''} %Y"]
    before, weekday = "", _WEEKDAY.match(cell)
    if weekday:
        before, cell = "%a" + weekday["rest"], cell[weekday.end() :]
    found: list[str] = []
    for pattern, forms in _COMPILED_DATES:
        date = pattern.match(cell)
        rest = _rest(cell[date.end() :]) if date else None
        if date and rest is not None:
            parts = {
                name: " " if text.isspace() else text for name, text in date.groupdict().items() if text is not None
            }
            found += [before + form.format(**parts) + rest for form in forms if _suits(form, rest)]
    return list(dict.fromkeys(found))


def _suits(form: str, rest: str) -> bool:
    """Whether a time of day follows a day, and not a month."""
    return not rest or "%d" in form


def _rest(text: str) -> str | None:
    """Return how the time of day and the zone behind a date are written; None where that is something else."""
    if not text:
        return ""
    between = _BETWEEN.match(text)
    if not between:
        return None
    at = between.end()
    clock = _clock(text[at:])
    if clock is None:
        return None
    written, length = clock
    zone = _zone(text[at + length :])
    return None if zone is None else between[0] + written + zone


def _clock(text: str) -> tuple[str, int] | None:
    """Return how the time of day at the begin of a text is written, and how long it is."""
    packed = _PACKED_CLOCK.match(text)
    if packed and not text[packed.end() : packed.end() + 1].isdigit():
        return ("%H%M%S" if len(packed[0]) == 6 else "%H%M"), packed.end()
    match = _CLOCK.match(text)
    if not match:
        return None
    mark, half = match["s"] or "", bool(match["p"])
    written = "%I" if half else "%H"
    written += f"{mark}%M" if match["M"] else ""
    written += f"{mark}%S" if match["S"] else ""
    written += ":%f" if match["f"] and match["f"][0] == ":" else ""
    return written + (f"{match['b']}%p" if half else ""), match.end()


def _zone(text: str) -> str | None:
    if not text.strip():
        return ""
    match = _ZONE.fullmatch(text)
    if not match:
        return None
    if match["Z"]:
        return f"{match['b']}%Z"
    return f"{match['b']}%z" + (f"{match['c']}%Z" if match["n"] else "")
