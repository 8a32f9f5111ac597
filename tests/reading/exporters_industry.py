"""What plants, loggers, inverters and meters export; see `exporters`."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from tests.reading.exporters import COUNT, Export, exporter, lines
from tests.reading.workbench import moments, wave


@exporter
def wincc() -> Export:
    head = '"VarName";"TimeString";"VarValue";"Validity";"Time_ms"\r\n'
    rows = lines(
        lambda r: f'"Boiler";"{r.t:%m/%d/%y %I:%M:%S %p}";{r.v};1;{(r.e / 86400 + 25569) * 1e6:.4f}', None, end="\r\n"
    )
    said = {"targets": ["VarValue"]}
    return Export(head + rows, said=said, refusal="--time", then={**said, "time": "TimeString"})


@exporter
def wincc_german() -> Export:
    head = '"VarName";"TimeString";"VarValue";"Validity";"Time_ms"\r\n'
    rows = lines(
        lambda r: f'"Kessel";"{r.t:%d.%m.%Y %H:%M:%S}";{r.v};1;{round((r.e / 86400 + 25569) * 1e6)},0000',
        None,
        comma=True,
        end="\r\n",
    )
    said = {"targets": ["VarValue"]}
    return Export(head + rows, said=said, refusal="--time", then={**said, "time": "TimeString"})


@exporter
def s7_data_log() -> Export:
    rows = lines(lambda r: f"{r.k:>4},{r.t:%m/%d/%Y},{r.t:%H:%M:%S},{float(r.v):+.6E}", None)
    return Export(
        "Record,Date,UTC Time,Temp\n" + rows + "//END,,,\n",
        said={"targets": ["Temp"]},
        file="DataLog.csv",
        refusal="//END|--time",
        then={"targets": ["Temp"], "time": "Date,UTC Time"},
    )


@exporter
def panasonic_kw_watcher() -> Export:
    """Seven lines of a header: numbers, names, places, registers, kinds, formats, units."""
    head = "Date,Time,1,2\r\n,,boiler,load\r\n,,COM1,COM1\r\n,,DT100,DT101\r\n,,REAL,UINT\r\n,,FLT,US16\r\n,,degC,W\r\n"
    rows = lines("{t:%Y/%m/%d},{t:%H:%M:%S},{v},17", "-", end="\r\n")
    return Export(head + rows, said={"targets": ["1"]}, refusal="1|header|number")


@exporter
def panasonic_optimized() -> Export:
    rows = lines("{t:%Y-%m-%d %H:%M:%S};{v};17;", "-", end="\r\n")
    return Export("Date;plc.plc1.height;plc.plc1.width;\r\n" + rows, said={"targets": ["plc.plc1.height"]})


@exporter
def pi_export() -> Export:
    rows = lines("{t:%d-%b-%y %H:%M:%S},{v}", "I/O Timeout", end="\r\n")
    return Export("Timestamp,SINUSOID\r\n" + rows)


@exporter
def pi_export_with_bad() -> Export:
    rows = lines("{t.day}-{t:%b-%Y %H:%M:%S},{v}", "Bad Input", end="\r\n")
    return Export("Timestamp,SINUSOID\r\n" + rows, refusal="Bad Input", then={"na": ["Bad Input"]})


@exporter
def ignition_table() -> Export:
    return Export('"t_stamp","Tank/Level"\n' + lines('"{t:%Y-%m-%d %H:%M:%S}.000","{v}"'))


@exporter
def ignition_dataset() -> Export:
    head = '"#NAMES"\n"t_stamp","level"\n"#TYPES"\n"date","D"\n"#ROWS","240"\n'
    rows = lines('"{t:%Y-%m-%d %H:%M:%S}.000","{v}"', None)
    return Export(head + rows, refusal="#NAMES|header|level")


@exporter
def labview_measurement() -> Export:
    head = (
        "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\nDecimal_Separator\t,\n"
        "Multi_Headings\tNo\n"
        "X_Columns\tOne\nTime_Pref\tRelative\nDate\t2024/01/01\nTime\t00:00:00,0\n***End_of_Header***\t\n\t\n"
        "Channels\t1\t\nSamples\t240\t\n***End_of_Header***\t\t\nX_Value\tTemp\tComment\n"
    )
    rows = lines(lambda r: f"{3600 * r.n},000000\t{r.v}\t", None, comma=True)
    said = {"targets": ["Temp"], "time": "none"}
    return Export(
        head + rows,
        file="data.lvm",
        said=said,
        times=None,
        values=[v for n, v in enumerate(wave(COUNT)) if n not in (100, 101)],
        refusal="header|--skip-rows|Temp",
        then={**said, "skip_rows": 15},
    )


@exporter
def campbell_toa5() -> Export:
    head = (
        '"TOA5","Attic","CR1000","1031","CR1000.Std.00.60","CPU:Attic.CR1","4062","Hourly"\r\n'
        '"TIMESTAMP","RECORD","batt_volt_Min","AirTC_Avg"\r\n"TS","RN","Volts","Deg C"\r\n"","","Min","Avg"\r\n'
    )
    rows = lines('"{t:%Y-%m-%d %H:%M:%S}",{n},13.7,{v}', '"NAN"', end="\r\n")
    said = {"targets": ["AirTC_Avg"]}
    return Export(
        head + rows,
        file="Attic.dat",
        said=said,
        unit="Deg C",
        refusal="header|--skip-rows|AirTC_Avg",
        then={**said, "skip_rows": 1},
    )


@exporter
def hobo() -> Export:
    head = (
        '"Plot Title: attic"\r\n"#","Date Time, GMT+00:00","Temp, °C (LGR S/N: 10, SEN S/N: 10)",'
        '"Coupler Attached (LGR S/N: 10)","Stopped (LGR S/N: 10)"\r\n'
    )
    rows = lines("{k},{t:%m/%d/%y %I:%M:%S %p},{v},,", end="\r\n")
    said = {"targets": ["Temp, °C (LGR S/N: 10, SEN S/N: 10)"]}
    return Export(
        b"\xef\xbb\xbf" + (head + rows).encode(),
        said=said,
        refusal="header|Plot Title|--skip-rows",
        then={**said, "skip_rows": 1},
    )


@exporter
def testo() -> Export:
    rows = lines("{k};{t:%d.%m.%Y %H:%M:%S};{v}", "---", comma=True, digits=1, end="\r\n")
    values = [float("nan") if n in (100, 101) else round(v, 1) for n, v in enumerate(wave(COUNT))]
    return Export(
        ("id;Datum / Zeit;Kanal 1 [°C]\r\n" + rows).encode("cp1252"),
        values,
        unit="°C",
        said={"targets": ["Kanal 1 [°C]"]},
    )


@exporter
def sbfspot() -> Export:
    head = (
        "sep=;\nVersion CSV1|Tool SBFspot3.5.2 (Linux)|Linebreaks LF"
        "|Delimiter semicolon|Decimalpoint comma|Precision 3\n\n"
        ";;;;Watt;Watt;kWh;Hours;degC\ndd/MM/yyyy HH:mm:ss;DeviceName;DeviceType;Serial;Pdc1;Pac1;"
        "EToday;OperatingTime;Temperature\n"
    )
    rows = lines(
        "{t:%d/%m/%Y %H:%M:%S};SN: 305123831;STP 10000TL-20;305123831;0,000;{v};75,403;285,460;0,000",
        None,
        comma=True,
        digits=3,
    )
    said = {"targets": ["Pac1"]}
    return Export(head + rows, said=said, refusal="header|--skip-rows|Pac1", then={**said, "skip_rows": 4})


@exporter
def fronius_solarweb() -> Export:
    rows = lines("{t:%d.%m.%Y %H:%M};{v}", "", comma=True, end="\r\n")
    return Export("Datum und Uhrzeit;Energie | Symo 10.0\r\n[dd.MM.yyyy HH:mm];[Wh]\r\n" + rows, unit="Wh")


@exporter
def solaredge() -> Export:
    rows = lines(lambda r: f'"{r.t:%Y-%m-%d %H:%M:%S}";{"" if r.n % 12 else 57160500 + r.n};{r.v}', comma=True)
    return Export(
        '"DateTime";"Energie opgewekt";"Vermogen gegenereerd"\n' + rows, said={"targets": ["Vermogen gegenereerd"]}
    )


@exporter
def enphase() -> Export:
    rows = lines("{t:%Y-%m-%d %H:%M:%S} +0000,{v}", "")
    return Export("Date/Time,Energy Produced (Wh)\n" + rows, unit="Wh")


@exporter
def enphase_with_a_total() -> Export:
    """The last row is no sample: refused with that row, or left out."""
    rows = lines("{t:%m/%d/%Y %H:%M},{v}", "")
    return Export("Date/Time,Energy Produced (Wh)\n" + rows + "Total,4800\n", unit="Wh", refusal="Total")


def quarter_hours() -> list[datetime]:
    """Across the end of summer time, as instants."""
    start = datetime(2023, 10, 28, tzinfo=ZoneInfo("UTC"))
    return [time.astimezone(ZoneInfo("Europe/Berlin")) for time in moments(COUNT, timedelta(minutes=15), start)]


@exporter
def meter_portal() -> Export:
    rows = lines("{t:%d.%m.%Y %H:%M};{v};gemessen;", comma=True, digits=2, times=quarter_hours(), end="\r\n")
    return Export(
        "Messzeitpunkt;Verbrauch (kWh);Qualität;\r\n" + rows,
        times=quarter_hours(),
        unit="kWh",
        said={"zone": "Europe/Berlin", "targets": ["Verbrauch (kWh)"]},
    )


@exporter
def meter_portal_in_three_columns() -> Export:
    rows = lines("{t:%d.%m.%Y};{t:%H:%M};{u:%H:%M};{v};W", comma=True, times=quarter_hours())
    said = {"zone": "Europe/Berlin", "targets": ["Verbrauch [kWh]"]}
    return Export(
        "Datum;Zeit von;Zeit bis;Verbrauch [kWh];Status\n" + rows,
        times=quarter_hours(),
        unit="kWh",
        said=said,
        refusal="--time",
        then={**said, "time": "Datum,Zeit von"},
    )


@exporter
def meter_load_profile() -> Export:
    """MSCONS as a table: from, to, a value in kW and its status."""
    quarter = timedelta(minutes=15)
    rows = lines("{t:%d.%m.%Y %H:%M};{u:%d.%m.%Y %H:%M};{v};W", comma=True, digits=2, times=moments(COUNT, quarter))
    said = {"targets": ["Leistung in kW"]}
    return Export(
        "Beginn;Ende;Leistung in kW;Status\n" + rows,
        times=moments(COUNT, quarter),
        said=said,
        refusal="--time",
        then={**said, "time": "Beginn"},
    )


@exporter
def enedis() -> Export:
    half = timedelta(minutes=30)
    rows = lines(
        "{t:%d/%m/%Y %H:%M:%S};{u:%d/%m/%Y %H:%M:%S};{v}",
        comma=True,
        digits=3,
        times=moments(COUNT, half, datetime(2023, 3, 10)),
    )
    said = {"targets": ["Valeur (en kW)"]}
    return Export(
        "Début;Fin;Valeur (en kW)\n" + rows,
        times=moments(COUNT, half, datetime(2023, 3, 10)),
        said=said,
        refusal="--time|--decimal",
        then={**said, "time": "Début", "decimal": ","},
    )


@exporter
def turbidity_meter() -> Export:
    """No header, two digits of the year, a unit of its own column, a trailing separator."""
    rows = lines("{t:%d.%m.%y};{t:%H:%M:%S};1;{v};FNU/NTU;VALID;", None, end="\r\n")
    return Export(
        rows, refusal="header|--target", then={"header": False, "time": "column 1,column 2", "targets": ["column 4"]}
    )


@exporter
def measurement_system() -> Export:
    """Names, descriptions and units in three lines; an epoch of milliseconds beside the local date and time."""
    head = "Seq;TimeCode;LocalDate;LocalTime;ms;Quality;T1\n;;;;;;attic\n;ms;;;;;degC\n"
    rows = lines("{n};{e}000;{t:%d.%m.%Y};{t:%H:%M:%S};0;0;{v}", "nan")
    said = {"targets": ["T1"]}
    return Export(head + rows, said=said, refusal="T1|--time|attic")
