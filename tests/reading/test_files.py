"""Files as programs write them: code pages, comments, preambles, no header, JSON lines, line protocol, compression."""

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from tests.reading.workbench import Workbench, check, moments, says, seconds, table, wave, written

TIMES = written("%Y-%m-%dT%H:%M:%S", moments())
PLAIN = table(["time", "temp"], TIMES, wave())

ENCODINGS = {
    "utf-8": "utf-8", "utf-8 with mark": "utf-8-sig", "cp1252": "cp1252", "utf-16": "utf-16", "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("name", ["Temperatur (°C)", "Durchfluß [µl/min]"])
def test_code_pages_are_recognised(bench: Workbench, encoding: str, name: str) -> None:
    """Name and unit are right, in the model file too; a UTF-8 stream of the device has the same column."""
    data = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    text = table(["Zeit", name], TIMES, wave(), separator=";", end="\r\n")
    data += text.encode(encoding)
    series = bench.load(data)
    check(series, wave(), moments())
    assert series.columns == (name,)
    assert series.units == (name.rsplit(maxsplit=1)[-1][1:-1],)
    said = bench.trained(data)
    assert "\ufffd" not in said.err
    for live in (data, text.encode()):
        path = bench.write(live, "live.csv")
        assert bench.predict(path).count("ok") == 480
    if encoding == "cp1252":
        assert says(said.err, "1252"), said.err


def test_several_names_of_cp1252_stay_apart(bench: Workbench) -> None:
    """Zürich and Genève in an id column, µ in values' units."""
    rows = "".join(
        f"{time};{name};{value}\r\n" for time, value in zip(TIMES, wave(), strict=True) for name in ("Zürich", "Genève")
    )
    series = bench.load(("Zeit;Ort;Temp\r\n" + rows).encode("cp1252"), targets=["Temp"], sensor="Ort")
    assert {sensor.name for sensor in series.sensors} == {"Zürich", "Genève"}


COMMENTS = {
    "hash": "# logger v2\n# site: attic\n" + PLAIN,
    "hash with commas": "# a, b, c\n#,,,\n" + PLAIN,
    "hash in the middle": PLAIN.replace(TIMES[100], "# battery changed\n" + TIMES[100]),
    "hash in the middle with a comma": PLAIN.replace(TIMES[100], "# battery changed, by Bob\n" + TIMES[100]),
    "hash at the end": PLAIN + "# end of file\n",
    "hash before the header's name": "#" + PLAIN,
    "sep": "sep=,\n" + PLAIN,
    "sep semicolon": "sep=;\n" + PLAIN.replace(",", ";"),
    "sep in quotes": '"sep=;"\n' + PLAIN.replace(",", ";"),
    "sep tab": "sep=\t\n" + PLAIN.replace(",", "\t"),
    "units": PLAIN.replace("temp\n", "temp\n,degC\n"),
    "units in brackets": PLAIN.replace("temp\n", "temp\n[-],[degC]\n"),
    "units with a name for the time": PLAIN.replace("temp\n", "temp\nTS,Deg C\n"),
    "empty lines first": "\n\n" + PLAIN,
    "empty lines between": PLAIN.replace(TIMES[100], "\n" + TIMES[100]),
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "trailing separators": "".join(line + ",\n" for line in PLAIN.splitlines()),
    "trailing separators in rows only": "".join(
        line + ("," if n else "") + "\n" for n, line in enumerate(PLAIN.splitlines())
    ),
    "blanks after separators": PLAIN.replace(",", ", "),
    "many trailing": "".join(line + ",,\n" for line in PLAIN.splitlines()),
    "no end of line": PLAIN.rstrip("\n"),
    "quoted all": "".join(",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in PLAIN.splitlines()),
    "control z": PLAIN + "\x1a",
}


@pytest.mark.parametrize("form", COMMENTS)
def test_lines_that_are_no_rows_are_left_out(bench: Workbench, form: str) -> None:
    """By themselves, in training and on the device; and the unit of a row of units is the column's."""
    text = COMMENTS[form]
    series = bench.load(text)
    check(series, wave(), moments())
    if form.startswith("units"):
        assert "deg" in series.units[0].lower()
    bench.trained(text)
    streamed = bench.stream(text)
    assert streamed.count("ok") == 480, streamed.err
    assert not any(streamed.reasons())


PREAMBLES = {
    "two lines": "Logger 7\nsite attic\n",
    "lines of pairs": "Device,Logger 7\nSerial,123456\n\n",
    "semicolons": "Gerät;Logger;7\nFirmware;1.0;;\n",
}


@pytest.mark.parametrize("preamble", PREAMBLES.values(), ids=PREAMBLES)
def test_a_preamble_is_skipped_by_number_or_by_itself(bench: Workbench, preamble: str) -> None:
    """--skip-rows N; without it the file is read, or the error says which line was taken for the header."""
    text = preamble + PLAIN
    lines = preamble.count("\n")
    check(bench.load(text, skip_rows=lines), wave(), moments())
    bench.trained(text, "--skip-rows", lines)
    assert bench.stream(text).count("ok") == 480
    series, why = bench.attempt(text)
    if series:
        check(series, wave(), moments())
    else:
        assert "--skip-rows" in why or "header" in why


def test_without_skipping_the_device_reads_what_has_no_preamble(bench: Workbench) -> None:
    """A live stream of a model that was trained with --skip-rows begins with its header, or with a sample."""
    bench.trained("Logger 7\nsite attic\n" + PLAIN, "--skip-rows", 2)
    assert bench.stream(PLAIN).count("ok") == 480


BARE = {
    "one column": "".join(f"{value}\n" for value in wave()),
    "savetxt": "".join(f"{value:.18e}\n" for value in wave()),
    "blanks": "".join(f"  {value}\n" for value in wave()),
}


@pytest.mark.parametrize("text", BARE.values(), ids=BARE)
def test_a_first_line_of_numbers_is_a_sample(bench: Workbench, text: str) -> None:
    """As predict always had it: no row is lost."""
    check(bench.load(text, "bare.txt"), wave())
    bench.trained(text, name="bare.txt")
    assert bench.stream(text).count("ok") == 480


def test_several_columns_without_a_header(bench: Workbench) -> None:
    """An epoch, nan and numbers: a refusal that says there is no header, or columns called 1, 2, ..."""
    epochs = [f"{second:.0f}" for second in seconds(moments())]
    rows = "".join(f"{epoch},nan,{value},0\n" for epoch, value in zip(epochs, wave(), strict=True))
    answer = bench.train(bench.write(rows, "hm.csv"))
    assert answer.code != 0
    assert says(answer.err, "header"), answer.err
    named = "".join(f"{time},{value}\n" for time, value in zip(TIMES, wave(), strict=True))
    for text in (named, named.replace(",", ";"), named.replace(",", "\t")):
        series = bench.load(text)
        check(series, wave(), moments())
        bench.trained(text)
        streamed = bench.stream(text)
        assert streamed.count("ok") == 480, streamed.err
        assert not any(streamed.reasons())


def test_no_header_is_an_option(bench: Workbench) -> None:
    """`--no-header` where the first line would pass for one."""
    text = "x\n" + "".join(f"{value}\n" for value in wave())
    series = bench.load("".join(f"{value}\n" for value in wave()), header=False)
    check(series, wave())
    answer = bench.train(bench.write(text), "--no-header")
    assert answer.code in (0, 1)
    assert "Traceback" not in answer.err


def json_lines(*, nested: bool = False, epoch: bool = False) -> str:
    lines = []
    for time, second, value in zip(TIMES, seconds(moments()), wave(), strict=True):
        stamp: object = int(second * 1000) if epoch else time
        lines.append(json.dumps({"time": stamp, "data": {"temp": value}} if nested else {"time": stamp, "temp": value}))
    return "".join(line + "\n" for line in lines)


def line_protocol(tags: str = "") -> str:
    return "".join(
        f"room{tags} temp={value} {int(second * 1e9)}\n"
        for second, value in zip(seconds(moments()), wave(), strict=True)
    )


LINES = {
    "JSON lines": ("log.jsonl", json_lines()),
    "JSON lines, epoch": ("log.json", json_lines(epoch=True)),
    "NDJSON": ("log.ndjson", json_lines()),
    "JSON in a txt": ("log.txt", json_lines()),
    "line protocol": ("log.lp", line_protocol()),
    "line protocol with a tag": ("log.influx", line_protocol(",host=a")),
    "line protocol in a txt": ("log.txt", line_protocol()),
    "JSON array": ("log.json", "[\n" + ",\n".join(json_lines().splitlines()) + "\n]\n"),
    "mosquitto_sub -v": ("log.txt", "".join(f"plant/a {line}\n" for line in json_lines().splitlines())),
}


@pytest.mark.parametrize("form", LINES)
def test_what_predict_takes_can_be_trained_on(bench: Workbench, form: str) -> None:
    """JSON lines and line protocol are read; other forms are read, or named in a refusal."""
    name, text = LINES[form]
    path = bench.write(text, name)
    answer = bench.train(path)
    if form in ("JSON array", "mosquitto_sub -v") and answer.code:
        assert "quoted" not in answer.err, answer.err
        assert says(answer.err, "JSON|CSV|Parquet"), answer.err
        return
    assert answer.code == 0, answer.err
    check(bench.load(text, name), wave(), moments())
    streamed = bench.predict(path)
    assert streamed.count("ok") == 480, streamed.err
    assert not any(streamed.reasons())


def test_fields_that_lie_deeper_can_be_trained_on(bench: Workbench) -> None:
    """`data.temp` as target names a path."""
    text = json_lines(nested=True)
    series = bench.load(text, "log.jsonl", targets=["data.temp"])
    check(series, wave(), moments())


def test_compressed_files_are_read_by_their_content(bench: Workbench) -> None:
    """gz and zst, with a suffix and without; for training, evaluating and streaming."""
    data = gzip.compress(PLAIN.encode())
    for name in ("room.csv.gz", "room", "room.csv"):
        check(bench.load(data, name), wave(), moments())
        path = bench.write(data, name)
        assert bench.train(path).code == 0
        assert bench.predict(path).count("ok") == 480
        bench.run.must("evaluate", bench.model, path)


def test_zstd_is_read_or_named(bench: Workbench) -> None:
    """Where no library can read it, the error names zstd."""
    import io

    frame = pl.DataFrame({"time": TIMES, "temp": wave()})
    try:
        buffer = io.BytesIO()
        frame.write_csv(buffer, compression="zstd")
        data = buffer.getvalue()
    except TypeError:
        data = bytes.fromhex("28b52ffd2004210000") + b"time"
    path = bench.write(data, "room.csv.zst")
    answer = bench.train(path)
    if answer.code:
        assert says(answer.err, "zst"), answer.err
    else:
        assert bench.predict(path).count("ok") == 480


def test_a_damaged_archive_is_refused_in_one_line(bench: Workbench) -> None:
    for data in (
        gzip.compress(PLAIN.encode())[:-20],
        gzip.compress(PLAIN.encode())[:40],
        b"\x1f\x8b",
        b"\x28\xb5\x2f\xfd",
    ):
        answer = bench.train(bench.write(data, "room.csv.gz"))
        assert answer.code == 1
        assert len(answer.err.strip().splitlines()) == 1, answer.err


@pytest.mark.parametrize("name", ["room", "room.pq", "room.data", "room.csv"])
def test_parquet_is_known_by_its_first_bytes(bench: Workbench, name: str) -> None:
    """For training and streaming, whatever it is called."""
    path = bench.folder / name
    pl.DataFrame({"time": moments(), "temp": wave()}).write_parquet(path)
    assert bench.train(path).code == 0
    assert bench.predict(path).count("ok") == 480


def test_other_kinds_of_files_are_named(bench: Workbench) -> None:
    """A spreadsheet, an archive, a database: one line that says what to do."""
    for name, data in {
        "a.xlsx": b"PK\x03\x04" + bytes(100),
        "a.db": b"SQLite format 3\0" + bytes(100),
        "a.h5": b"\x89HDF\r\n\x1a\n" + bytes(90),
    }.items():
        answer = bench.train(bench.write(data, name))
        assert answer.code == 1
        assert says(answer.err, name, "CSV"), answer.err


def test_annotated_csv_of_influx_is_a_series_for_each_of_its_tags(bench: Workbench) -> None:
    """#datatype lines, result and table columns, an empty first cell; one table is one series."""
    head = (
        "#group,false,false,true,true,false,false,true,true\r\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r\n"
        "#default,_result,,,,,,,\r\n"
        ",result,table,_start,_stop,_time,_value,_field,_measurement\r\n"
    )
    rows = "".join(
        f",,0,2024-01-01T00:00:00Z,2024-02-01T00:00:00Z,{time}Z,{value},temp,room\r\n"
        for time, value in zip(TIMES, wave(), strict=True)
    )
    series = bench.load(head + rows)
    check(series, wave(), moments())


def test_the_file_of_predict_may_be_any_that_trains(bench: Workbench, tmp_path: Path) -> None:
    """One model, many formats of the same samples: the same forecasts."""
    bench.trained(PLAIN)
    wanted = bench.stream(PLAIN).forecasts
    pl.DataFrame({"time": moments(), "temp": wave()}).write_parquet(tmp_path / "live.parquet")
    bench.write(gzip.compress(PLAIN.encode()), "live.csv.gz")
    bench.write(json_lines(), "live.jsonl")
    bench.write(PLAIN.encode("utf-16"), "live16.csv")
    bench.write(PLAIN.replace(",", ";").replace(".", ","), "semicolons.csv")
    bench.write(PLAIN.replace(",", "\t"), "live.tsv")
    for name in ("live.parquet", "live.csv.gz", "live.jsonl", "live16.csv", "semicolons.csv", "live.tsv"):
        streamed = bench.predict(tmp_path / name)
        assert streamed.forecasts == wanted, (name, streamed.err)


@pytest.mark.parametrize("kind", ["columns", "rows within", "pairs"])
def test_a_document_of_json_is_no_sample_of_many_columns(bench: Workbench, kind: str) -> None:
    """What web services answer is refused for what it is, and not for its thousand columns."""
    pairs = list(zip(TIMES, wave(), strict=True))
    document = {
        "columns": {"hourly": {"time": TIMES, "temp": wave()}},
        "rows within": {"data": [{"time": time, "temp": value} for time, value in pairs]},
        "pairs": pairs,
    }
    series, problem = bench.attempt(json.dumps(document[kind]), "log.json")
    assert series is None
    assert "one document of JSON" in problem, problem
    assert "an object for each sample" in problem
