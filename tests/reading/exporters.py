"""What exporters write, made up after their public documentation; each with what a reader has to find in it."""

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.reading.workbench import moments, wave

COUNT = 240
TIMES = moments(COUNT)
VALUES = wave(COUNT)
NAN = math.nan
GONE = (100, 101)
"""Rows without a value, in formats that have a way to say so."""

HOLED = [NAN if row in GONE else value for row, value in enumerate(VALUES)]


@dataclass(frozen=True)
class Export:
    """A file, and the truth about it."""

    text: str | bytes
    values: Iterable[float] = tuple(HOLED)
    times: Iterable[datetime] | None = tuple(TIMES)
    file: str = "log.csv"
    said: Mapping[str, Any] = field(default_factory=dict)
    """What a user has to say: which column, whose."""
    unit: str | None = None
    """The target's; None: the file does not tell, or not in a way that is read."""
    refusal: str = ""
    """What a refusal says, where the file may be refused for good reason; "": it has to be read."""
    then: Mapping[str, Any] | None = None
    """What a user says after such a refusal, after which it has to be read; None: it is no table."""


EXPORTERS: dict[str, Callable[[], Export]] = {}


def exporter(make: Callable[[], Export]) -> Callable[[], Export]:
    """Add an exporter to the list."""
    EXPORTERS[make.__name__] = make
    return make


@dataclass(frozen=True)
class Row:
    """What the cells of a row are made of."""

    n: int
    """Its number, from 0."""
    k: int
    """The same, from 1."""
    t: datetime
    u: datetime
    """When the next one is due."""
    e: int
    """Seconds since 1970."""
    v: str
    """The value."""


def lines(
    form: str | Callable[[Row], str],
    missing: str | None = "",
    *,
    values: Iterable[float] | None = None,
    times: list[datetime] | None = None,
    comma: bool = False,
    digits: int = 2,
    end: str = "\n",
) -> str:
    """Rows of text in a form, with the names of `Row` in braces; missing=None: rows without a value are left out."""
    text = []
    times = times or TIMES
    for number, (time, value) in enumerate(zip(times, values or HOLED, strict=True)):
        if math.isnan(value) and missing is None:
            continue
        cell = str(missing) if math.isnan(value) else f"{value:.{digits}f}"
        after = time + (times[1] - times[0])
        row = Row(number, number + 1, time, after, epoch(time), cell.replace(".", "," if comma else "."))
        text.append((form.format(**vars(row)) if isinstance(form, str) else form(row)) + end)
    return "".join(text)


def epoch(time: datetime) -> int:
    return int(time.replace(tzinfo=UTC).timestamp())


# Homes and the internet of things


@exporter
def home_assistant_history() -> Export:
    rows = lines("sensor.attic,{v},{t:%Y-%m-%dT%H:%M:%S}.{n:03d}Z", "unavailable")
    times = [time + timedelta(milliseconds=number) for number, time in enumerate(TIMES)]
    return Export("entity_id,state,last_changed\n" + rows, times=times, said={"every": "1h"})


@exporter
def home_assistant_history_of_one_entity() -> Export:
    rows = lines("sensor.attic,{v},{t:%Y-%m-%dT%H:%M:%S}.000Z", "unknown")
    return Export("entity_id,state,last_changed\n" + rows)


@exporter
def home_assistant_statistics() -> Export:
    rows = lines("sensor.attic\t°C\t{t:%d.%m.%Y %H:%M}\t{v}\t{v}\t{v}", None)
    return Export("statistic_id\tunit\tstart\tmin\tmax\tmean\n" + rows, file="stats.tsv", said={"targets": ["mean"]})


@exporter
def iobroker_history() -> Export:
    rows = lines('{{"val":{v},"ack":true,"ts":{e}000,"q":0,"from":"system.adapter.zigbee.0"}}', "null")
    return Export(rows, file="history.jsonl", said={"targets": ["val"]})


@exporter
def openhab_rest() -> Export:
    rows = lines('{{"time":{e}000,"state":"{v} °C"}}', None)
    return Export(rows, file="item.json", said={"targets": ["state"]})


@exporter
def openhab_rest_as_one_document() -> Export:
    rows = ",".join(lines('{{"time":{e}000,"state":"{v}"}}', None).splitlines())
    text = f'{{"name":"Attic","datapoints":"238","data":[{rows}]}}\n'
    return Export(text, file="item.json", said={"targets": ["state"]}, refusal="JSON|line|state")


@exporter
def node_red_csv() -> Export:
    return Export("timestamp,topic,payload\n" + lines("{e}000,home/attic,{v}"))


@exporter
def grafana_csv() -> Export:
    rows = lines(lambda r: f'"{r.t:%Y-%m-%d %H:%M:%S}",' + (f'"{r.v}"' if r.v else ""))
    return Export('"Time","Attic"\n' + rows)


@exporter
def grafana_csv_formatted() -> Export:
    rows = lines(lambda r: f'"{r.t:%Y-%m-%d %H:%M:%S}",' + (f'"{r.v} °C"' if r.v else ""))
    return Export('"Time","Attic"\n' + rows, unit="°C")


@exporter
def grafana_csv_for_excel() -> Export:
    return Export('sep=,\r\n"Time","Attic"\r\n' + lines("{e}000,{v}", end="\r\n"))


@exporter
def influx_annotated() -> Export:
    head = (
        "#group,false,false,true,true,false,false,true,true,true\r\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string,string\r\n"
        "#default,mean,,,,,,,,\r\n,result,table,_start,_stop,_time,_value,_field,_measurement,room\r\n"
    )
    span = "2024-01-01T00:00:00Z,2024-01-11T00:00:00Z"
    return Export(head + lines(",,0," + span + ",{t:%Y-%m-%dT%H:%M:%S}Z,{v},temp,climate,attic", end="\r\n"))


@exporter
def influx_annotated_two_tables() -> Export:
    """Two tables, one after the other, each with its annotations: one room each."""
    head = (
        "#group,false,false,false,false,true,true\r\n#datatype,string,long,dateTime:RFC3339,double,string,string\r\n"
        "#default,_result,,,,,\r\n,result,table,_time,_value,_field,room\r\n"
    )
    parts = [
        head + lines(f",,{room},{{t:%Y-%m-%dT%H:%M:%S}}Z,{{v}},temp,room{room}", end="\r\n") + "\r\n" for room in (0, 1)
    ]
    return Export("".join(parts), said={"sensor": "room", "targets": ["temp"]}, times=None)


@exporter
def influx_line_protocol() -> Export:
    return Export(
        lines("climate,room=attic temp={v},hum=40i {e}000000000", None), file="attic.lp", said={"targets": ["temp"]}
    )


@exporter
def influx_shell() -> Export:
    return Export("name,time,temp\n" + lines("climate,{e}000000000,{v}"))


@exporter
def telegraf_json() -> Export:
    rows = lines('{{"fields":{{"temp":{v}}},"name":"climate","tags":{{"host":"pi"}},"timestamp":{e}}}', None)
    return Export(rows, file="metrics.json", said={"targets": ["fields.temp"]})


@exporter
def prometheus_text() -> Export:
    rows = lines('temp_celsius{{room="attic"}} {v} {e}000', "NaN")
    return Export(
        "# HELP temp_celsius Attic.\n# TYPE temp_celsius gauge\n" + rows,
        file="metrics.prom",
        refusal="header|separat|column|table|numbers",
    )


@exporter
def promtool_query() -> Export:
    rows = lines("{v} @[{e}]", "NaN")
    text = 'temp_celsius{room="attic"} =>\n' + rows
    return Export(text, times=None, file="range.txt", refusal="header|separat|column|table|numbers")


@exporter
def thingspeak() -> Export:
    rows = lines("{t:%Y-%m-%d %H:%M:%S} UTC,{k},{v}")
    return Export("created_at,entry_id,field1\n" + rows, file="feeds.csv", said={"targets": ["field1"]})


@exporter
def thingsboard_csv() -> Export:
    return Export("Timestamp;temperature\n" + lines("{t:%Y-%m-%d %H:%M:%S};{v}"))


@exporter
def the_things_network() -> Export:
    rows = lines(
        (
            '{{"end_device_ids":{{"device_id":"attic"}},"received_at":"{t:%Y-%m-%dT%H:%M:%S}.000000000Z",'
            '"uplink_message":{{"f_port":1,"f_cnt":{n},"decoded_payload":{{"temp":{v}}}}}}}'
        ),
        None,
    )
    return Export(rows, file="uplinks.jsonl", said={"targets": ["uplink_message.decoded_payload.temp"]})


@exporter
def tasmota() -> Export:
    rows = lines(
        ('{{"Time":"{t:%Y-%m-%dT%H:%M:%S}","DS18B20":{{"Id":"0621","Temperature":{v}}},"TempUnit":"C"}}'),
        "null",
    )
    return Export(rows, file="sensor.jsonl", said={"targets": ["DS18B20.Temperature"]})


@exporter
def shelly_status() -> Export:
    rows = lines(
        (
            '{{"src":"shellyht","method":"NotifyStatus","params":{{"ts":{e}.00,'
            '"temperature:0":{{"id":0,"tC":{v},"tF":70.1}}}}}}'
        ),
        None,
    )
    said = {"targets": ["params.temperature:0.tC"]}
    return Export(rows, file="status.jsonl", said={**said, "time": "params.ts"})


@exporter
def zigbee2mqtt() -> Export:
    rows = lines(
        (
            '{{"battery":97,"humidity":41.2,"last_seen":"{t:%Y-%m-%dT%H:%M:%S}+00:00","linkquality":120,"temperature":{v}}}'
        ),
        "null",
    )
    return Export(rows, file="attic.jsonl", said={"targets": ["temperature"]})


@exporter
def esphome_log() -> Export:
    """A log of a program: times without a day, text around the value."""
    rows = lines("[{t:%H:%M:%S}][D][sensor:094]: 'Attic': Sending state {v} °C with 1 decimals of accuracy")
    return Export(rows, file="log.txt", refusal="header|numbers|column|line")


@exporter
def emoncms() -> Export:
    """No header: epoch, value."""
    return Export(
        lines("{e},{v}", "null"), refusal="header", then={"header": False, "time": "column 1", "targets": ["column 2"]}
    )


@exporter
def senml() -> Export:
    """Base time and base name stand in the first record only."""
    rows = lines(lambda r: f'{{"t":{3600 * r.n},"v":{r.v}}}', None).splitlines()
    text = "[" + ",\n".join(['{"bn":"urn:dev:ow:10e2","bt":1704067200,"bu":"Cel","n":"temp"}', *rows]) + "]\n"
    return Export(text, file="pack.senml", said={"targets": ["v"]}, refusal="JSON")
