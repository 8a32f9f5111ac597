"""Words that stand for a missing value, words for flags, and names of the time."""

_GENERAL = (
    "", "na", "n/a", "n.a.", "nan", "+nan", "-nan", "nan(ind)", "-nan(ind)", "1.#ind", "-1.#ind", "1.#qnan",
    "-1.#qnan", "1.#inf", "-1.#inf", "inf", "+inf", "-inf", "infinity", "+infinity", "-infinity", "null", "(null)",
    "<null>", "<na>", "[null]", "\\n", "nil", "none", "missing", "undefined", "invalid", "not available", "error",
    "err", "fault", "fail", "failed", "timeout", "n.d.", "nd", "n/d", "n.v.", "n/v", "k.a.", "s/d", "not measured",
    "no signal", "open circuit", "?", "??", "???", "????", "-", "--", "---", "----",
    "--.-", "-.-", "--.--", "\u2212", "\u2013", "\u2014", ".", "*", "**", "***", "****",
)  # fmt: skip
_HUBS = ("unavailable", "unknown", "offline", "disconnected", "not connected")
_SPREADSHEETS = (
    "#n/a", "#n/a n/a", "#na", "#nv", "#value!", "#wert!", "#div/0!", "#ref!", "#bezug!", "#name?", "#num!", "#zahl!",
    "#null!", "#valeur!", "#nombre?", "#nom?",
)  # fmt: skip
_HISTORIANS = (
    "bad", "bad input", "bad data", "bad quality", "bad_quality", "bad value", "i/o timeout", "io timeout",
    "comm fail", "comm failure", "comm error", "no data", "nodata", "no_data", "no sample", "no result", "no value",
    "not connect", "pt created", "configure", "shutdown", "intf shut", "intf shutdown", "scan off", "scan timeout",
    "arc offline", "arc off-line", "calc failed", "calc off", "over range", "under range", "invalid data",
    "invalid float", "overrange", "underrange", "out of range", "overflow", "underflow", "equip fail", "unit down",
    "out of serv", "out of service", "doubtful", "uncertain", "questionable",
)  # fmt: skip

MISSING_WORDS = frozenset((*_GENERAL, *_HUBS, *_SPREADSHEETS, *_HISTORIANS))
"""What stands for a missing value, in lower case: as languages print it, as hubs such as Home Assistant, spreadsheets
and historians (the system states of OSIsoft PI, OPC's qualities) write it."""

FLAGS = {"on": 1.0, "off": 0.0, "true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0}
"""What flags are written as, in lower case. Which of open and closed is 1 depends on what opens: these are none."""

TIME_NAMES = ("t", "time", "timestamp", "date", "datetime", "ds")
"""Names under which a sample's time is looked for on the device, in any case, where the spec names no time column."""
