"""The lines of a text: what is a header, a row of units, a separator, an encoding; told by hand."""

import pytest

from edgeseq_runtime.reading import lines


@pytest.mark.parametrize(
    ("cells", "after", "wanted"),
    [
        ("time,temp", "", True),
        ("Temperature (°C)", "", True),
        ("PM2.5", "", True),
        (",temp", "", True),
        (",0", "2024-01-01,3", True),
        ("time,1,2", "2024-01-01,3,4", True),
        ("room,state", "a,b", True),
        ("kitchen,2024-01-01,19.5", "bath,2024-01-01,19.5", False),
        ("19.633", "", False),
        ("NaN", "", False),
        ("1553424480,nan,19.63,0", "", False),
        ("01.01.2024 00:00,19", "", False),
        ("Jan 5 2024 3:00,1", "", False),
        ("2024-01-01T00:00:00Z", "", False),
        ("12.51 °C", "", False),
    ],
)
def test_a_header_is_told_from_a_row(cells: str, after: str, wanted: bool) -> None:
    assert lines.looks_like_header(cells.split(","), after.split(",") if after else ()) == wanted


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (",degC", True),
        ("dd/MM/yyyy HH:mm:ss,kWh,kW", True),
        ("[s],[°C]", True),
        (",W/m²,m/s", True),
        (",°C,Bft", True),
        ("UTC,ug/m3", True),
        ("junk", False),
        (",ERR", False),
        ("unavailable", False),
        ("2024-01-01,C", False),
        (",", False),
    ],
)
def test_units_below_a_header_are_told_from_a_row(row: str, wanted: bool) -> None:
    assert lines.is_units_row(row.split(",")) == wanted


@pytest.mark.parametrize(
    ("line", "others", "wanted"),
    [
        ("a;b,c", [], ";"),
        ("a,b|c", ["1,2"], ","),
        ("a,b|c", ["1|2"], "|"),
        ("a b", ["1 2"], lines.BLANKS),
        ("Room temp", ["3"], None),
        ("Room temp", [], None),
        ('"a;b",c', [], ","),
    ],
)
def test_a_separator_is_what_parts_all_lines_alike(line: str, others: list[str], wanted: str | None) -> None:
    assert lines.separator(line, *others) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [("sep=;", ";"), ('"sep=,"', ","), ("SEP=\t", "\t"), ("sep=;;;", ";"), ("sep=\\t", "\t"), ("separate", None)],
)
def test_a_line_that_tells_the_separator(line: str, wanted: str | None) -> None:
    assert lines.separator_line(line) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("room,host=a temp=1.5,hot=2i 1700", True),
        ('w,x=1 s="a, b",y=t', True),
        ("cpu value=1", True),
        ("Zeit;a=b", False),
        ('{"a b=c": 1}', False),
        ("19.5", False),
    ],
)
def test_line_protocol_is_told_from_other_text(line: str, wanted: bool) -> None:
    assert lines.is_line_protocol(line) == wanted


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_an_encoding_is_told_by_the_first_bytes(encoding: str) -> None:
    assert lines.encoding("Temperatur (°C)".encode(encoding)) == encoding


def test_a_character_that_is_cut_is_none_of_another_encoding() -> None:
    assert lines.encoding("20 °".encode()[:-1]) == "utf-8-sig"
