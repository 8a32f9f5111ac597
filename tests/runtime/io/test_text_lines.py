"""Lines of text as samples: every form, and a clear word for what is none."""

import json
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import text_lines
from edgeseq_runtime.spec import Spec

ONE = make_spec()
TWO = make_spec(features=2)
TIMED = replace(ONE, time="when")


def read(text: str | bytes, spec: Spec = ONE) -> list[tuple[object, tuple[float | None, ...]]]:
    content = text.encode() if isinstance(text, str) else text
    samples = list(text_lines.read(text_lines.split([content]), spec))
    assert not any(sample.problem for sample in samples), samples
    return [(sample.time, sample.values) for sample in samples]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1\n2.5\n-3e2\n", [(None, (1.0,)), (None, (2.5,)), (None, (-300.0,))]),
        ('"f0"\n"1"\n2\n', [(None, (1.0,)), (None, (2.0,))]),
        ('"1.5"\n""\n', [(None, (1.5,)), (None, (None,))]),
        ('"a;b",f0\n1,2\n', [(None, (2.0,))]),
        ("1\n\nnan\nNA\n", [(None, (1.0,)), (None, (None,)), (None, (None,)), (None, (None,))]),
        ("f0\n1\n\n2\n", [(None, (1.0,)), (None, (None,)), (None, (2.0,))]),
        ("date,f0\n20200101,1\n20200102,\n", [("20200101", (1.0,)), ("20200102", (None,))]),
        ('note,f0\n"a, b",4\n', [(None, (4.0,))]),
        ("\ufefff0\n7\n", [(None, (7.0,))]),
        ('{"t": 1700000000, "f0": 1.5}\n{"f0": null, "t": 6}\n', [(1700000000, (1.5,)), (6, (None,))]),
        ("f0;other\n1,5;x\n-2,25e1;x\n3.5;x\n", [(None, (1.5,)), (None, (-22.5,)), (None, (3.5,))]),
        ("f0\tother\n21,50\t1,250\n", [(None, (21.5,))]),
        ("[1]\n2\n", [(None, (1.0,)), (None, (2.0,))]),
        ('{"f0": NaN}\n{"f0": "3"}\n', [(None, (None,)), (None, (3.0,))]),
    ],
)
def test_forms_of_one_feature(text: str, wanted: list[object]) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize(
    "text",
    ["1,2\n", "1 2\n", "1;2\n", "1\t2\n", "f1,f0\n2,1\n", '{"f0": 1, "f1": 2}\n', "[1, 2]\n"],
)
def test_forms_of_two_features(text: str) -> None:
    assert read(text, TWO)[-1] == (None, (1.0, 2.0))


def test_an_object_that_lacks_one_of_the_features_has_it_missing() -> None:
    assert read('{"f1": 2}\n', TWO) == [(None, (None, 2.0))]


@pytest.mark.parametrize(
    ("text", "spec", "word"),
    [
        ("1\nabc\n", ONE, "f0 is 'abc', not a number"),
        ("1\n2,3\n", ONE, "the model expects 1 value (f0), got 2"),
        ("date,f0\n1,2\n3\n", ONE, "expected 2 cells as in the header, got 1"),
        ('{"f0": 1}\n{"g": 1}\n', ONE, "no value for f0; the object has g"),
        ('{"f0": 1}\n{broken\n', ONE, "not JSON"),
        ('{"f0": 1}\n{"f0": [1]}\n', ONE, "f0 is a list, not a number"),
        ('{"f0": 1}\n{"f0": true}\n', ONE, "f0 is true, not a number"),
        ("[1, 2]\n[1]\n", TWO, "the model expects 2 values (f0, f1), got 1"),
        ("1\n1_0\n", ONE, "f0 is '1_0', not a number"),
        ('{"f0": 1}\n{"f0": "1_0"}\n', ONE, "f0 is '1_0', not a number"),
        ('a,f0\n1,2\n"a"\r"b",2\n', ONE, "is not a line of CSV"),
        ('a,f0\n1,2\n"' + "a" * 140_000 + '",2\n', ONE, "is not a line of CSV"),
    ],
)
def test_a_line_that_is_no_sample_says_why_and_counts_as_missing(text: str, spec: Spec, word: str) -> None:
    *_, last = text_lines.read([line.encode() for line in text.split("\n")[:-1]], spec)
    assert last.line == text.count("\n")
    assert word in (last.problem or "")
    assert last.values == (None,) * len(spec.features)


def test_a_comma_that_may_part_thousands_is_not_guessed_at() -> None:
    """In a cell of another column it does not matter."""
    one, other = list(text_lines.read([b"f0;other", b"1,250;1", b"1,25;1,250"], ONE))
    assert "f0 is '1,250': a decimal comma or a thousands separator?" in (one.problem or "")
    assert (other.problem, other.values) == (None, (1.25,))


@pytest.mark.parametrize("header", ["zeit,f0", "f0", "Time,f0", "when,f0"])
def test_a_header_without_the_time_is_told_of_where_the_model_had_one(header: str) -> None:
    told: list[str] = []
    spec = replace(ONE, time="when")
    list(text_lines.read([header.encode()], spec, told.append))
    list(text_lines.read([header.encode()], ONE, told.append))
    columns = header.replace(",", ", ")
    wanted = f"none of the columns is known as the time ({columns}): gaps between samples are not seen"
    assert told == ([] if header in ("Time,f0", "when,f0") else [wanted])


def test_a_comma_where_it_may_part_cells_is_no_decimal_one() -> None:
    """Under a header of one column, "1,5" may as well be two cells."""
    (sample,) = text_lines.read([b"f0", b"1,5"], ONE)
    assert sample.problem == "f0 is '1,5', not a number"


def test_a_header_without_the_models_column_names_those_there_are() -> None:
    with pytest.raises(DataError, match=r"no column 'f0'; its columns are a, b"):
        list(text_lines.read([b"a,b\n", b"1,2\n"], ONE))


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"f0,a,f0\n", "2 columns 'f0'"),
        (b'f0,"a"\r"b"\n', "line 1: .* is not a line of CSV"),
        ("f0\n".encode("utf-16"), "UTF-16"),
        ("f0\n".encode("utf-16-be"), "UTF-16"),
        (b"PK\3\4\0\0", "binary"),
    ],
)
def test_a_first_line_that_makes_the_rest_unreadable_says_why(content: bytes, word: str) -> None:
    with pytest.raises(DataError, match=word):
        list(text_lines.read([content, b"1,2,3\n"], ONE))


def test_a_line_without_end_is_refused_not_kept() -> None:
    first, second = text_lines.read([b"1\n", b"9" * (1 << 21)], ONE)
    assert first.values == (1.0,)
    assert "bytes" in (second.problem or "")


anything = st.lists(
    st.binary(max_size=30)
    | st.text(max_size=20).map(str.encode)
    | st.text('01_.e-,;\t "\r\0{}[]:f', max_size=20).map(str.encode)
    | st.sampled_from([b"{", b"[", b"1", b"f0,f1", b'"f0";f1'])
)


@given(anything)
def test_no_text_breaks_the_reader(content: list[bytes]) -> None:
    try:
        samples = list(text_lines.read([line + b"\n" for line in content], TWO))
    except DataError:
        return
    assert all(len(sample.values) == 2 for sample in samples)


@given(
    st.lists(
        st.dictionaries(st.sampled_from(["f0", "f1", "t"]), st.none() | st.floats() | st.text() | st.integers()),
        min_size=1,
    )
)
def test_no_json_breaks_the_reader(content: list[dict[str, object]]) -> None:
    for sample in text_lines.read([json.dumps(line).encode() for line in content], TWO):
        assert sample.problem is None or "\n" not in sample.problem


@given(st.lists(st.binary(max_size=9) | st.just(b"\n"), max_size=20), st.data())
def test_lines_are_the_same_however_the_bytes_arrive(parts: list[bytes], data: st.DataObject) -> None:
    content = b"".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    blocks = [content[begin:end] for begin, end in pairwise([0, *cuts, len(content)])]
    wanted = content.split(b"\n")
    assert list(text_lines.split(blocks)) == (wanted if wanted[-1] else wanted[:-1])


def test_of_a_line_without_end_little_is_kept() -> None:
    first, second = text_lines.split([b"9" * text_lines.LONGEST, b"9" * text_lines.LONGEST, b"9\n1\n"])
    assert (len(first), second) == (text_lines.LONGEST + 1, b"1")
