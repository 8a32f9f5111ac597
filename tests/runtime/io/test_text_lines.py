"""Lines of text as samples: every form, and a clear word for what is none."""

import gzip
import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeseq.testing import make_spec
from edgeseq_runtime.errors import DataError
from edgeseq_runtime.io import text_lines
from edgeseq_runtime.reading.reading import Reading
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


def rows(text: str | bytes, spec: Spec = ONE, **said: Any) -> tuple[list[Any], list[str]]:
    """Return times and values of the samples in a text that is read with what is said, and what a user is told."""
    content, told = text.encode() if isinstance(text, str) else text, list[str]()
    reading = spec.known_reading.replaced(**said)
    samples = list(text_lines.read(text_lines.split([content], told.append), spec, told.append, reading))
    assert not [sample.problem for sample in samples if sample.problem]
    return [(sample.time, *sample.values) for sample in samples], told


@pytest.mark.parametrize(
    "text",
    [
        "# logger v2\n# site: attic\nwhen,f0\nA,1\n# restarted\nB,2\n",
        "sep=;\nwhen;f0\nA;1\nB;2\n",
        '"sep=,"\nwhen,f0\nA,1\nB,2\n',
        "when,f0\n,degC\nA,1\nB,2\n",
        "when;f0\n[s];[°C]\nA;1\nB;2\n",
        "when,f0\nyyyy-mm-dd hh:mm,W/m²\nA,1\nB,2\n",
        "when,f0\nA,1\nf0,when\n2,B\n",
        "f0,when\n1,A\nwhen,f0\nwhen,f0\nB,2\n",
        "when;f0;\nA;1;\nB;2;;\n",
        "when|f0\nA|1\nB|2\n",
        "when f0\nA   1\nB 2\n",
        "#when f0\nA 1\nB 2\n",
        'when,f0\nA,"1,0"\nB,"2,0"\n',
        "when,F0\nA,1\nB,2\n",
        "\ufeffwhen,f0\r\nA,1\r\nB,2\r\n",
    ],
)
def test_what_stands_around_a_table_is_none_of_its_rows(text: str) -> None:
    """Comments, the separator that is told of, units, the header again in any order, separators at the end."""
    assert rows(text, TIMED)[0] == [("A", 1.0), ("B", 2.0)]


def test_lines_before_a_header_are_passed_over_where_training_found_some() -> None:
    preamble = "Station 7\nheight: 310 m;x\n"
    assert rows(f"{preamble}when;f0\nA;1\n", TIMED, skip_rows=2)[0] == [("A", 1.0)]
    assert rows("when;f0\nA;1\n", TIMED, skip_rows=2)[0] == [("A", 1.0)], "a device may write none"
    with pytest.raises(DataError, match="line 1: the input has no column 'f0'; its columns are Station 7"):
        rows(f"{preamble}when;f0\nA;1\n", TIMED)


def test_a_word_alone_below_a_header_is_no_unit() -> None:
    _, sample = [None, *text_lines.read([b"f0", b"junk"], ONE)]
    assert "not a number" in (sample.problem or "")


def test_rows_without_a_header_are_known_by_the_names_of_training() -> None:
    """By as many columns as then; else they are values in the model's order, behind a time where there is one."""
    header = ("column 1", "f0", "column 3")
    assert rows("A,1,x\nB,2,y\n", replace(ONE, time="column 1"), header=header)[0] == [("A", 1.0), ("B", 2.0)]
    assert rows("5\n6\n", replace(ONE, time="column 1"), header=header)[0] == [(None, 5.0), (None, 6.0)]
    assert rows("2024-01-01 00:00 5 7\n", TWO)[0] == [("2024-01-01 00:00", 5.0, 7.0)]
    assert rows("1553424480,nan,14.45\n", TWO)[0] == [("1553424480", None, 14.45)]


def test_a_column_without_a_name_is_called_after_its_place() -> None:
    assert rows(",f0\nA,1\n", replace(ONE, time="column 1"))[0] == [("A", 1.0)]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("T,f0\n21.4,1\n", None),
        ("t,f0\n10000000,1\n", None),
        ("T,f0\n2024-01-01,1\n", "2024-01-01"),
        ("T,f0\n1700000000,1\n", "1700000000"),
        ("T,ds,f0\n21.4,2024-01-01,1\n", "2024-01-01"),
        ("date,time,f0\n2024-01-01,12:00,1\n", "2024-01-01"),
        ('{"t":21.4,"f0":1}\n', None),
        ('{"t":1700000000000,"f0":1}\n', 1700000000000),
    ],
)
def test_a_time_is_known_by_what_it_holds_not_by_its_name_alone(text: str, time: object) -> None:
    assert rows(text)[0] == [(time, 1.0)]


def test_a_time_in_two_columns_is_joined_and_one_in_a_column_of_another_name_is_told_of() -> None:
    both = replace(ONE, time="Date", reading=Reading(time=("Date", "Time")))
    assert rows("Time,f0,Date\n12:00,1,2024-01-01\n", both)[0] == [("2024-01-01 12:00", 1.0)]
    assert rows('{"Date":"2024-01-01","Time":"12:00","f0":1}', both)[0] == [("2024-01-01 12:00", 1.0)]
    found, told = rows("Wann,f0\n2024-01-01,1\n", TIMED)
    assert found == [("2024-01-01", 1.0)]
    assert told == ["the time is read from Wann; the model was trained with when"]
    assert rows("Wann,bis,f0\n2024-01-01,2024-01-02,1\n", TIMED)[0] == [(None, 1.0)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-8-sig"])
def test_other_encodings_are_read_and_told_of(encoding: str) -> None:
    spec = replace(ONE, features=(replace(ONE.features[0], name="Temp (°C)"),), targets=("Temp (°C)",), time="when")
    found, told = rows("when,Temp (°C)\nA,1\n".encode(encoding), spec)
    assert found == [("A", 1.0)]
    assert len(told) == (encoding != "utf-8-sig")


def test_a_gzipped_text_is_decompressed_and_a_damaged_one_refused() -> None:
    content = gzip.compress(b"when,f0\nA,1\n") + gzip.compress(b"B,2\n")
    assert rows(content, TIMED)[0] == [("A", 1.0), ("B", 2.0)]
    for cut in (content[:20], content[:-3]):
        with pytest.raises(DataError, match="gzip file ends too early"):
            rows(cut, TIMED)


WORDS = "nan NaN -nan NAN nan(ind) inf -inf Infinity -Infinity None -1.#IND null"


@pytest.mark.parametrize("word", [*WORDS.split(), '"nan"', '"unavailable"'])
def test_a_number_that_is_none_costs_its_own_field_in_json(word: str) -> None:
    text = f'{{"note": "a nan: \\"inf\\", inf", "f0": {word}, "f1": 2}}'
    assert rows(text, TWO)[0] == [(None, None, 2.0)]


def test_values_of_json_are_read_as_those_of_csv() -> None:
    """Flags where training had some, units, codes for missing, and several samples in a list."""
    flag = replace(ONE, features=(replace(ONE.features[0], minimum=0.0, maximum=1.0),))
    for word in ("true", '"on"', "1", '"True"'):
        assert rows(f'{{"f0":{word}}}', flag)[0] == [(None, 1.0)]
    assert rows('{"f0":"21.5 °C"}\n{"f0":-127}\n{"f0":"-127.0"}', missing=("-127",))[0] == [
        (None, 21.5), (None, None), (None, None)
    ]  # fmt: skip
    assert rows('[{"when":"A","f0":1},{"when":"B","f0":2}]', TIMED)[0] == [("A", 1.0), ("B", 2.0)]
    senml = '[{"bn":"room/","bt":1700000000,"n":"f0","v":1},{"n":"f1","v":2},{"n":"f0","v":3,"t":60}]'
    assert rows(senml, replace(TWO, time="time"))[0] == [(1.7e9, 1.0, 2.0), (1.70000006e9, 3.0, None)]


def test_what_has_none_of_the_features_is_of_another_kind() -> None:
    lines = [b'{"f0":1}', b'{"batt":90}', b"online", b'{"DS18B20":{"f0":3}}']
    first, *others = text_lines.read(lines, ONE)
    assert (first.stream, [sample.stream for sample in others]) == ("", [None] * 3)
    assert "found below DS18B20: --field f0=DS18B20.f0" in (others[-1].problem or "")
    *_, nested = text_lines.read(lines, ONE, columns={"f0": "DS18B20.f0"})
    assert nested.values == (3.0,)


def test_a_comma_that_may_part_thousands_is_not_guessed_at() -> None:
    """In a cell of another column it does not matter."""
    one, other = list(text_lines.read([b"f0;other", b"1,250;1", b"1,25;1,250"], ONE))
    assert "f0 is '1,250': a decimal comma or a thousands separator?" in (one.problem or "")
    assert (other.problem, other.values) == (None, (1.25,))


@pytest.mark.parametrize(
    ("header", "row"), [("zeit,f0", "noon,1"), ("f0", "1"), ("Time,f0", "2024-01-01,1"), ("when,f0", "noon,1")]
)
def test_a_header_without_the_time_is_told_of_where_the_model_had_one(header: str, row: str) -> None:
    told: list[str] = []
    spec = replace(ONE, time="when")
    list(text_lines.read([header.encode(), row.encode()], spec, told.append))
    list(text_lines.read([header.encode(), row.encode()], ONE, told.append))
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
