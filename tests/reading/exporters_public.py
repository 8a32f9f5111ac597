"""What programs, spreadsheets and public archives of weather, water and power write; see `exporters`."""

import io
import math
import re
from datetime import datetime, timedelta

import polars as pl

from tests.reading.exporters import COUNT, HOLED, TIMES, Export, exporter, lines
from tests.reading.workbench import HOUR, moments

# Programs and spreadsheets


@exporter
def pandas_to_csv() -> Export:
    return Export(",temp\n" + lines("{t:%Y-%m-%d %H:%M:%S},{v}"))


@exporter
def pandas_to_csv_with_a_zone() -> Export:
    return Export(",temp\n" + lines("{t:%Y-%m-%d %H:%M:%S}+00:00,{v}"))


@exporter
def r_write_csv() -> Export:
    return Export('"","time","temp"\n' + lines('"{k}",{t:%Y-%m-%d %H:%M:%S},{v}', "NA"))


@exporter
def r_write_csv2() -> Export:
    rows = lines('"{k}";{t:%Y-%m-%d %H:%M:%S};{v}', "NA", comma=True)
    return Export('"";"time";"temp"\n' + rows)


@exporter
def excel_german() -> Export:
    rows = lines("{t:%d.%m.%Y %H:%M};{v}", "#NV", comma=True, end="\r\n")
    return Export(("Zeit;Temperatur (°C)\r\n" + rows).encode("cp1252"), unit="°C")


@exporter
def excel_american() -> Export:
    rows = lines(
        "{t.month}/{t.day}/{t.year} {t.hour}:{t.minute:02d},{v}",
        "#N/A",
        end="\r\n",
        times=moments(COUNT, start=datetime(2024, 1, 10)),
    )
    return Export("Time,Temp\r\n" + rows, times=moments(COUNT, start=datetime(2024, 1, 10)))


@exporter
def excel_unicode_text() -> Export:
    rows = lines("{t:%d.%m.%Y %H:%M}\t{v}", "", comma=True, end="\r\n")
    return Export(("Zeit\tTemperatur\r\n" + rows).encode("utf-16"), file="Mappe1.txt")


@exporter
def numpy_savetxt() -> Export:
    return Export(lines(lambda r: f"{float(r.v):.18e}", "nan"), times=None, file="out.txt")


@exporter
def numpy_savetxt_two_columns() -> Export:
    rows = lines(lambda r: f"{r.e:.18e} {float(r.v):.18e}", "nan")
    return Export(
        rows,
        file="out.txt",
        refusal="header|separat|column|target",
        then={"header": False, "time": "column 1", "targets": ["column 2"]},
    )


@exporter
def numpy_savetxt_with_a_header() -> Export:
    rows = lines("{e},{v}", "nan")
    return Export("# time,temp\n" + rows, file="out.csv")


@exporter
def parquet_of_pandas() -> Export:
    buffer = io.BytesIO()
    index = pl.Series("__index_level_0__", TIMES, dtype=pl.Datetime("ns"))
    values = pl.Series("temp", [None if math.isnan(value) else value for value in HOLED])
    pl.DataFrame([values, index]).write_parquet(buffer)
    return Export(buffer.getvalue(), file="frame.parquet")


# What else is public: weather, water, power


@exporter
def ett_hourly() -> Export:
    rows = lines("{t:%Y-%m-%d %H:%M:%S},5.827,2.009,1.599,0.462,4.203,1.34,{v}")
    return Export("date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n" + rows, said={"targets": ["OT"]})


@exporter
def dwd_hourly() -> Export:
    rows = lines("       1684;{t:%Y%m%d%H};    3;{v:>6};  80.0;eor", "-999", end="\r\n")
    head = "STATIONS_ID;MESS_DATUM;QN_9;TT_TU;RF_TU;eor\r\n"
    return Export(head + rows, file="produkt_tu_stunde.txt", said={"targets": ["TT_TU"], "na": ["-999"]})


@exporter
def ndbc_text() -> Export:
    head = "#YY  MM DD hh mm WDIR WSPD GST\n#yr  mo dy hr mn degT m/s  m/s\n"
    rows = lines("{t:%Y %m %d %H %M} 180 {v} 9.1", "MM")
    return Export(head + rows, file="41001.txt", said={"targets": ["WSPD"]}, refusal="header|separat|column|WSPD")


@exporter
def usgs_rdb() -> Export:
    head = (
        "# ---------------------------------- WARNING ----------------------------------------\n"
        "# Some of the data that you have obtained may not have received approval, and so on.\n#\n"
        "agency_cd\tsite_no\tdatetime\ttz_cd\t69928_00060\t69928_00060_cd\n5s\t15s\t20d\t6s\t14n\t10s\n"
    )
    rows = lines("USGS\t01646500\t{t:%Y-%m-%d %H:%M}\tUTC\t{v}\tP", "Ice")
    return Export(
        head + rows,
        file="dv.txt",
        said={"targets": ["69928_00060"]},
        refusal="Ice|14n",
        then={"targets": ["69928_00060"], "na": ["Ice"]},
    )


@exporter
def meteostat() -> Export:
    return Export("time,temp,dwpt,rhum\n" + lines("{t:%Y-%m-%d %H:%M:%S},{v},1.2,80.0"), said={"targets": ["temp"]})


@exporter
def meteostat_bulk() -> Export:
    """No header; the day and the hour in two columns."""
    rows = lines("{t:%Y-%m-%d},{t.hour},{v},1.2,80,,,270,9.4,,1021.3,,")
    return Export(rows, refusal="header", then=None)


@exporter
def entsoe() -> Export:
    head = "DateTime(UTC)\tResolutionCode\tAreaDisplayName\tPrice[Currency/MWh]\tCurrency\tUpdateTime(UTC)\n"
    rows = lines("{t:%Y-%m-%d %H:%M:%S}\tPT60M\tAustria (AT)\t{v}\tEUR\t2024-02-05 10:48:37", None)
    said = {"targets": ["Price[Currency/MWh]"]}
    return Export(head + rows, said=said, unit="Currency/MWh", refusal="--time", then={**said, "time": "DateTime(UTC)"})


@exporter
def entsoe_interval() -> Export:
    """A cell holds begin and end."""
    rows = lines('"{t:%d.%m.%Y %H:%M} - {u:%d.%m.%Y %H:%M}","{v}","EUR"', "n/e")
    said = {"targets": ["Day-ahead Price [EUR/MWh]"]}
    return Export(
        '"MTU (UTC)","Day-ahead Price [EUR/MWh]","Currency"\n' + rows, said=said, unit="EUR/MWh", refusal="MTU|n/e"
    )


@exporter
def nord_pool() -> Export:
    """The hour as a span."""
    rows = lines("{t:%d-%m-%Y};{t:%H} - {u:%H};{v}", None, comma=True)
    return Export("Date;Hours;SYS\n" + rows, said={"targets": ["SYS"]}, refusal="Date|Hours|time")


@exporter
def pjm_kaggle() -> Export:
    return Export("Datetime,PJME_MW\n" + lines("{t:%Y-%m-%d %H:%M:%S},{v}"))


@exporter
def pjm_data_miner() -> Export:
    rows = lines(
        lambda r: f"{r.t.month}/{r.t.day}/{r.t:%Y %I:%M:%S %p},{r.t - 5 * HOUR:%m/%d/%Y %I:%M:%S %p},RFC,PE,{r.v},True"
    )
    head = "datetime_beginning_utc,datetime_beginning_ept,nerc_region,zone,mw,is_verified\n"
    said = {"targets": ["mw"]}
    return Export(head + rows, said=said, refusal="--time", then={**said, "time": "datetime_beginning_utc"})


@exporter
def household_power() -> Export:
    times = moments(COUNT, timedelta(minutes=1), datetime(2006, 12, 16, 17, 24))
    rows = lines(
        "{t.day}/{t.month}/{t.year};{t:%H:%M:%S};{v};0.418;234.840;18.400;0.000;1.000;17.000", "?", times=times
    )
    rows = re.sub(r";\?;.*", ";?;?;?;?;?;?;", rows)  # nothing is known of such a minute
    head = "Date;Time;Global_active_power;Global_reactive_power;Voltage;Global_intensity;Sub_metering_1;Sub_metering_2;"
    head += "Sub_metering_3\n"
    return Export(head + rows, times=times, said={"targets": ["Global_active_power"]}, file="household_power.txt")


@exporter
def uci_air_quality() -> Export:
    times = moments(COUNT, HOUR, datetime(2004, 3, 10, 18))
    rows = lines("{t:%d/%m/%Y};{t:%H.%M.%S};{v};1360;150;11,9;13,6;48,9;0,7578;;", "-200", comma=True, times=times)
    head = "Date;Time;CO(GT);PT08.S1(CO);NMHC(GT);C6H6(GT);T;RH;AH;;\n"
    return Export(head + rows + ";;;;;;;;;;\n" * 20, times=times, said={"targets": ["CO(GT)"], "na": ["-200"]})
