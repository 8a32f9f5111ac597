"""The series that the pages of the documentation work with, made up and written as CSV into the current folder.

    python make_series.py

The numbers are the same on every machine. boiler.csv: one temperature, hourly, with gaps. boiler-1.csv, boiler-2.csv
and boiler-9.csv: sensors of one kind. plant.csv: several columns, decimal commas. logger.csv: irregular times.
"""

import math
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

START = datetime(2025, 1, 1)


def boiler() -> Iterator[str]:
    """Four months: a daily cycle, a slow drift, noise; single hours are missing, and once ten in a row."""
    random.seed(1)
    drift = 0.0
    for hour in range(24 * 120):
        drift = 0.97 * drift + random.gauss(0, 0.4)
        day = 4 * math.sin(math.tau * (hour - 7) / 24) + 2 * math.sin(2 * math.tau * hour / 24)
        if random.random() < 0.01 or 1000 <= hour < 1010:
            continue  # the logger was off
        yield f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M},{62 + day + drift + random.gauss(0, 0.2):.2f}"


def boiler_number(number: int) -> Iterator[str]:
    """Two weeks of one of several boilers, which differ in their level and in how far they swing."""
    random.seed(number)
    for hour in range(24 * 14):
        swing = math.sin(math.tau * hour / 24) + random.gauss(0, 0.05)
        yield f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M},{20 * number + number * swing:.3f}"


def plant() -> Iterator[str]:
    """Three weeks of a temperature that follows a load, as a German spreadsheet writes them."""
    random.seed(3)
    temp = 40.0
    for hour in range(24 * 21):
        load = hour // 8 % 3
        temp += 0.3 * (40 + 5 * load - temp) + random.gauss(0, 0.3)
        yield f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M};{temp:.1f};{load},0;{hour}".replace(".", ",")


def logger() -> Iterator[str]:
    """A level with a sample every two to eight minutes."""
    random.seed(4)
    seconds = 1_700_000_000
    for _ in range(1500):
        seconds += random.randrange(120, 480)
        yield f"{seconds},{10 + 2 * math.sin(math.tau * seconds / 14400) + random.gauss(0, 0.2):.2f}"


files = {"boiler.csv": ("time,temp", boiler()), "plant.csv": ("Zeit;temp;load;batch", plant())}
files |= {f"boiler-{number}.csv": ("time,temp", boiler_number(number)) for number in (1, 2, 9)}
files["logger.csv"] = ("t,level", logger())
for name, (header, rows) in files.items():
    Path(name).write_text("\n".join([header, *rows, ""]))
print("wrote", *sorted(files))
