"""CSV with whatever stands before, beside and within its table."""

from pathlib import Path

import pytest

from edgeseq.series.files.opening import open_table
from edgeseq.series.files.table import Table
from edgeseq_runtime.errors import DataError, UsageError
from tests.helpers.csv_helpers import csv

ROWS = "2024-01-01,1.5\n2024-01-02,2.5\n2024-01-03,3.5\n2024-01-04,4.5\n"


def opened(folder: Path, text: str, skip_rows: int | None = None, header: bool | None = None) -> Table:
    return open_table(csv(folder, text), skip_rows, header)


def values(table: Table, name: str = "temp") -> list[str]:
    return [cell.strip() for cell in table.column(name)]


@pytest.mark.parametrize(
    ("before", "line"),
    [
        ("", 1),
        ("# logger v2\n# site: attic\n", 3),
        ("\n\n  # logger\n\n", 5),
        ("sep=,\n", 2),
        ('"sep=,"\n', 2),
        ("Logger 5\nSerial no. 12345\n\n", 4),
        ("Station: Berlin, Tempelhof, roof\nExported 2024-02-01 12:00\n", 3),
        ("Station,Berlin\nSerial,12345\nStart,2024-01-01\n", 4),
        ("; made by hand\n// and by machine\n! or so\n", 4),
        ('"a title, with a comma"\n\n', 3),
        ('"a title\nof two lines"\n', 3),
    ],
)
def test_the_header_is_found_below_what_stands_before_it(tmp_path: Path, before: str, line: int) -> None:
    table = opened(tmp_path, f"{before}time,temp\n{ROWS}")
    assert table.names == ("time", "temp")
    assert table.written.header_line == line
    assert values(table) == ["1.5", "2.5", "3.5", "4.5"]
    assert table.place(0) == f"line {line + 1}"


def test_lines_that_are_left_out_are_told_of(tmp_path: Path) -> None:
    """Comments before the table are usual, other lines are not; the device is to skip as many."""
    table = opened(tmp_path, f"# a comment\nLogger 5\ntime,temp\n{ROWS}")
    assert table.written.skip_rows == 2
    assert table.written.notes == ("header: line 3 (time, temp); 1 line before it is no part of the table",)
    assert opened(tmp_path, f"# a comment\ntime,temp\n{ROWS}").written.skip_rows == 0


def test_a_user_may_say_how_many_lines_stand_before_the_header(tmp_path: Path) -> None:
    text = f"time,temp\nold,names\nZeit,Temperatur\n{ROWS}"
    table = opened(tmp_path, text, skip_rows=2)
    assert table.names == ("Zeit", "Temperatur")
    assert table.written.skip_rows == 2
    table = opened(tmp_path, f"1,2\n3,4\n5,6\n{ROWS}", skip_rows=2)  # what is asked for is done
    assert table.names == ("5", "6")


@pytest.mark.parametrize(
    ("mark", "rest"), [(";", ""), ("\t", ""), ("|", ""), (",", ""), (" ", ""), ("   ", ""), (" | ", "")]
)
def test_separators(tmp_path: Path, mark: str, rest: str) -> None:
    text = f"time,temp\n{ROWS}".replace(",", mark) + rest
    assert values(opened(tmp_path, text)) == ["1.5", "2.5", "3.5", "4.5"]


def test_columns_that_are_aligned_by_blanks(tmp_path: Path) -> None:
    text = "  YYMMDD   HHMM   WSPD\n  240101   0000    1.5\n  240101   0010   12.5\n  240101   0020    3.5\n"
    table = opened(tmp_path, text)
    assert table.names == ("YYMMDD", "HHMM", "WSPD")
    assert values(table, "WSPD") == ["1.5", "12.5", "3.5"]
    assert "text: cells are parted by blanks" in table.written.notes


def test_decimal_commas_part_no_cells(tmp_path: Path) -> None:
    assert values(opened(tmp_path, "time;temp\n2024-01-01;1,5\n2024-01-02;2,5\n")) == ["1,5", "2,5"]
    assert values(opened(tmp_path, "temp\n1,5\n2,5\n")) == ["1,5", "2,5"]


@pytest.mark.parametrize(
    ("row", "unit"), [(",degC", "degC"), ("-,[°C]", "°C"), ("yyyy-mm-dd,%", "%"), ("UTC,(m/s)", "m/s")]
)
def test_a_row_of_units_gives_the_units(tmp_path: Path, row: str, unit: str) -> None:
    table = opened(tmp_path, f"time,temp\n{row}\n{ROWS}")
    assert table.written.units["temp"] == unit
    assert values(table) == ["1.5", "2.5", "3.5", "4.5"]
    assert table.place(0) == "line 3"
    assert any(note.startswith("units:") for note in table.written.notes)


def test_units_may_stand_above_the_names(tmp_path: Path) -> None:
    table = opened(tmp_path, f",kWh\ntime,temp\n{ROWS}")
    assert table.names == ("time", "temp")
    assert table.written.units == {"temp": "kWh"}


def test_a_data_loggers_four_lines_of_header(tmp_path: Path) -> None:
    """Campbell Scientific's TOA5: the logger, the names, the units, and what the values are."""
    text = (
        '"TOA5","CR1000","1234","CR1000.Std.32","CPU:a.CR1","5","Hourly"\n"TIMESTAMP","RECORD","AirTC_Avg"\n'
        '"TS","RN","Deg C"\n"","","Avg"\n"2024-01-01 00:00:00",0,1.5\n"2024-01-01 01:00:00",1,"NAN"\n'
        '"2024-01-01 02:00:00",2,3.5\n"2024-01-01 03:00:00",3,4.5\n'
    )
    table = opened(tmp_path, text)
    assert table.names == ("TIMESTAMP", "RECORD", "AirTC_Avg")
    assert table.written.units["AirTC_Avg"] == "Deg C"
    assert values(table, "AirTC_Avg") == ["1.5", "NAN", "3.5", "4.5"]
    assert table.place(0) == "line 5"


@pytest.mark.parametrize(
    "text",
    [
        "19.6\n21.1\n22.3\n",
        "2024-01-01,19.6\n2024-01-02,21.1\n2024-01-03,22.3\n",
        "1553424480,nan,19.6\n1553424540,nan,21.1\n1553424600,nan,22.3\n",
        "  19.6 0.5\n  21.1 0.7\n  22.3 0.9\n",
    ],
)
def test_a_first_line_of_values_is_a_sample(tmp_path: Path, text: str) -> None:
    table = opened(tmp_path, text)
    names = tuple(f"column {place}" for place in range(1, len(table.names) + 1))
    assert table.names == names == table.written.header
    assert table.height == 3
    assert not table.unnamed
    assert table.place(0) == "line 1"
    assert any(note.startswith("header: none, line 1 is a sample") for note in table.written.notes)


def test_a_comment_may_name_the_columns(tmp_path: Path) -> None:
    """As numpy.savetxt writes its header."""
    for header in ("# time temp\n", "#time,temp\n"):
        mark = "," if "," in header else " "
        table = opened(tmp_path, header + ROWS.replace(",", mark))
        assert table.names == ("time", "temp") == table.written.header
        assert table.height == 4
        assert any("the comment in line 1" in note for note in table.written.notes)


def test_a_user_may_say_that_there_is_a_header_or_none(tmp_path: Path) -> None:
    assert opened(tmp_path, "2019,2020\n1,2\n3,4\n", header=True).names == ("2019", "2020")
    table = opened(tmp_path, "on,off\nup,down\n", header=False)
    assert (table.names, table.height) == (("column 1", "column 2"), 2)
    assert opened(tmp_path, "time,2020\n2024-01-01,2\n2024-01-02,4\n").names == ("time", "2020")


def test_an_index_may_have_no_name(tmp_path: Path) -> None:
    """pandas leaves its name out, R leaves its column's place out as well."""
    table = opened(tmp_path, f",temp\n{ROWS}")
    assert table.names == ("column 1", "temp")
    assert table.unnamed == {"column 1"}
    assert not table.written.header
    table = opened(tmp_path, 'hum temp\n"1" 40 1.5\n"2" 41 2.5\n"3" 42 3.5\n')
    assert table.names == ("column 1", "hum", "temp") == table.written.header
    assert table.written.skip_rows == 1
    assert values(table) == ["1.5", "2.5", "3.5"]


@pytest.mark.parametrize(
    "text",
    [
        "time;temp;\n2024-01-01;1.5;\n2024-01-02;2.5;\n",
        "time;temp\n2024-01-01;1.5;\n2024-01-02;2.5;\n",
        "time;temp;\n2024-01-01;1.5\n2024-01-02;2.5\n",
        "time;temp\n2024-01-01;1.5\n2024-01-02;2.5;;\n",
    ],
)
def test_separators_at_the_end_of_lines(tmp_path: Path, text: str) -> None:
    assert values(opened(tmp_path, text)) == ["1.5", "2.5"]


def test_a_header_that_comes_again_is_none_of_the_rows(tmp_path: Path) -> None:
    """With the units below it, and behind a comment, as a logger writes that was started anew."""
    header = "time,temp\ns,degC\n"
    table = opened(tmp_path, f"{header}{ROWS}# restarted\n{header}{ROWS}time,temp\n{ROWS}")
    assert values(table) == ["1.5", "2.5", "3.5", "4.5"] * 3
    assert [table.place(row) for row in (0, 3, 4, 7, 8)] == ["line 3", "line 6", "line 10", "line 13", "line 15"]
    assert "header: comes again 2 times within the file; left out" in table.written.notes
    assert "text: 1 comment line among the rows left out" in table.written.notes


@pytest.mark.parametrize("quote", ["", '"'])
def test_a_header_that_comes_again_in_another_order_is_obeyed(tmp_path: Path, quote: str) -> None:
    text = f"time,{quote}temp{quote},hum\na,1,40\nb,2,41\nhum,time,{quote}temp{quote}\n42,c,3\n43,d,4\n"
    table = opened(tmp_path, text)
    assert values(table) == ["1", "2", "3", "4"]
    assert values(table, "hum") == ["40", "41", "42", "43"]
    assert values(table, "time") == ["a", "b", "c", "d"]
    assert table.place(2) == "line 5"


def test_the_last_line_of_a_file_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    table = opened(tmp_path, f"time,temp\n{ROWS}2024-01-")
    assert values(table) == ["1.5", "2.5", "3.5", "4.5"]
    assert table.written.notes == ("line 6, the last, has 1 cell of 2 and no end: left out",)
    with pytest.raises(DataError, match="line 6: expected 2 cells as in the header, got 1"):
        opened(tmp_path, f"time,temp\n{ROWS}2024-01-\n")


def test_an_error_names_the_line_that_was_taken_for_the_header(tmp_path: Path) -> None:
    text = f"Logger 5\ntime,temp\n{ROWS}1,2,3\n"
    with pytest.raises(DataError, match="line 7: expected 2 cells as in line 2, taken for the header, got 3"):
        opened(tmp_path, text)
    table = opened(tmp_path, f"Logger 5\ntime,temp\n{ROWS}")
    with pytest.raises(UsageError, match=r"no column 'v'; the columns are time, temp \(line 2 was taken for the head"):
        table.require("v")


def test_names_that_two_columns_have_matter_where_one_is_used(tmp_path: Path) -> None:
    table = opened(tmp_path, f"time,v,v,temp\n{ROWS.replace(',', ',1,2,')}")
    assert values(table, table.require("temp")) == ["1.5", "2.5", "3.5", "4.5"]
    with pytest.raises(DataError, match="several columns called 'v': give each its own name"):
        table.require("v")


def test_a_first_row_that_is_wrong_is_no_header(tmp_path: Path) -> None:
    """A word among a row's numbers makes it no line of names."""
    table = opened(tmp_path, "time,temp\n2024-01-01,oops\n2024-01-02,2.5\n2024-01-03,3.5\n")
    assert table.names == ("time", "temp")
    assert values(table)[0] == "oops"


def test_a_row_that_begins_with_a_spreadsheets_error_is_no_comment(tmp_path: Path) -> None:
    text = "temp,time\n1.5,2024-01-01\n#N/A,2024-01-02\n#DIV/0!,2024-01-03\n# a comment, with a comma\n2.5,2024-01-04\n"
    assert values(opened(tmp_path, text)) == ["1.5", "#N/A", "#DIV/0!", "2.5"]


def test_a_row_of_widths_below_the_names_is_none_of_the_rows(tmp_path: Path) -> None:
    """The RDB files of the USGS; widths are no units."""
    text = "# USGS\nsite_no\tdatetime\t69928_00060\n15s\t20d\t14n\n"
    table = opened(tmp_path, f"{text}01646500\t2024-01-01\t1.5\n01646500\t2024-01-02\t2.5\n")
    assert table.names == ("site_no", "datetime", "69928_00060")
    assert values(table, "69928_00060") == ["1.5", "2.5"]
    assert not table.written.units
