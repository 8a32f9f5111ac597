"""What columns are called that hold times, or parts of them."""

_USUAL = frozenset(
    "t time timestamp date datetime ds ts epoch unix unixtime unix_time utc local_time time_utc date_time timestring "  # noqa: SIM905
    "datum zeit zeitstempel datum_zeit mess_datum fecha hora fecha_hora data ora heure horodatage tiempo created_at "
    "createdat recorded_at measured_at observed_at last_changed last_updated _time dt when year month jahr monat "
    "decimal_date time_ms timestamp_ms".split()
)
"""Names, in small letters, under which times are looked for first; a name alone makes no time."""

PARTS = (
    ("year", "yr", "yyyy"),
    ("month", "mo", "mm"),
    ("day", "dy", "dd"),
    ("hour", "hr", "hh"),
    ("minute", "min", "mn"),
    ("second", "sec"),
)
"""Names of columns that hold the parts of a date."""

PART_FORM = "%Y %m %d %H %M %S"
"""How these are written, joined by blanks."""

HOURS = ("hour", "hr", "hours", "stunde")
"""Names, in small letters, of columns that hold the hour beside a date."""


def is_usual(name: str) -> bool:
    """Whether a column is called as times usually are."""
    bare = name.lower().split("(")[0].split("[")[0].strip().replace(" ", "_").replace("-", "_")
    return bare in _USUAL
