"""The quick way through a CSV file and the exact one: the same rows, lines and notes."""

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeseq.series.files import csv_exact, csv_text, layout
from edgeseq.series.files.csv_exact import Rows
from edgeseq_runtime.errors import DataError

NAMES = ("aaa", "bbb", "ccc")


@st.composite
def files(draw: st.DrawFn) -> tuple[bytes, layout.Layout]:
    """A header and rows, most of them whole, with quotes, blank lines, comments and headers in between."""
    width, mark = draw(st.integers(1, 3)), draw(st.sampled_from(",;\t"))
    alphabet = draw(st.sampled_from(["01.", '01"', '01"\n', "01#,", ' 0\r\n"', "1"]))
    cell = st.text(alphabet, max_size=3).map(lambda text: f'"{text}"' if '"' in alphabet and len(text) != 1 else text)
    whole = st.lists(cell, min_size=width, max_size=width)
    row = st.one_of(whole, whole, whole, whole, st.lists(cell, max_size=4)).map(mark.join)
    header = mark.join(NAMES[:width])
    others = [header, mark.join(reversed(NAMES[:width])), "# x", ""]
    lines = draw(st.lists(st.one_of(row, row, row, st.sampled_from(others)), max_size=8))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    text = end.join([header, *lines]) + draw(st.sampled_from(["", end]))
    separator = mark if width > 1 else None
    return text.encode(), layout.Layout(separator, NAMES[:width], layout.Line(1, header), 2)


def content(rows: Rows) -> tuple[list[list[str]], list[int], tuple[str, ...]]:
    cells = [[(cell or "").strip() for cell in column] for column in rows.columns]
    return cells, [rows.line(row) for row in range(len(cells[0]))], rows.notes


@settings(deadline=None, max_examples=200)
@given(files())
def test_what_is_read_quickly_is_read_exactly(file: tuple[bytes, layout.Layout]) -> None:
    """The exact way reads everything or names the line; the quick one leaves to it what it is not sure of."""
    data, found = file
    start = csv_text._offset(data, 2)
    quick = csv_text._by_lines(data, start, found)
    if quick is None:
        return
    try:
        exact = content(csv_exact.read("series.csv", data[start:], found))
    except DataError as error:
        raise AssertionError(f"{error}, but {content(quick)}") from error
    assert content(quick) == exact


def test_usual_files_take_the_quick_way() -> None:
    """Quoted or not, with blank lines, comments, headers that come again, and a last line without an end."""
    found = layout.Layout(",", ("a", "b"), layout.Line(1, "a,b"), 2)
    rows = [
        b"1,2\n3,4\n",
        b"1,2\r\n3,4\r\n",
        b'"1","2"\n"3,5","4"\n',
        b"1,2\n\n3,4\n",
        b"1,2\n# x\na,b\n3,4",
        b"1,\n,4\n",
    ]
    for body in rows:
        assert csv_text._by_lines(b"a,b\n" + body, 4, found), body
