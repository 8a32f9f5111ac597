"""A made-up home: its electric load, hour by hour for two years, and the outdoor temperature as it was forecast.

What people do follows the local clock, the weekday and holidays; heating follows the outdoor temperature below a limit,
with the inertia of the walls and less of it at night. The load lacks here and there, the forecast too.
"""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from edgeseq_runtime.arrays import Float64

HOURS = 2 * 365 * 24

ZONE = "Europe/Berlin"

FORECAST_ERROR = 0.8
"""Standard deviation of the forecast temperature from the true one, in degrees."""

_BEGIN = datetime(2023, 7, 1, tzinfo=UTC)
"""So that validation and test part see cold days as well as warm ones."""

_HOLIDAYS = ((1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31))
"""Month and day; the house is lived in as on a Sunday."""

_WEEKDAY = (((7.0, 1.0), 1.0), ((19.0, 2.0), 1.5), ((22.0, 1.0), 0.5))
_WEEKEND = (((10.0, 1.5), 1.5), ((13.5, 2.0), 1.8), ((18.5, 2.5), 1.2))
"""Hours at which people use power, how long around them, and how much: ((hour, width), kW)."""


def write(path: Path, seed: int) -> None:
    """Write the home of a seed as CSV with the columns time, load and outdoor; an empty cell is a gap."""
    load, outdoor = home(seed)
    with path.open("w") as file:
        file.write("time,load,outdoor\n")
        for hour, values in enumerate(zip(load.tolist(), outdoor.tolist(), strict=True)):
            cells = ",".join("" if np.isnan(value) else f"{value:.3f}" for value in values)
            file.write(f"{_BEGIN + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},{cells}\n")


def home(seed: int) -> tuple[Float64, Float64]:
    """Return load in kW and forecast temperature in degrees, each (hour,), NaN in gaps."""
    random = np.random.default_rng(seed)
    local = [(_BEGIN + timedelta(hours=hour)).astimezone(ZoneInfo(ZONE)) for hour in range(HOURS)]
    outdoor = _temperature(random)
    away = _absences(random)
    people = np.array([_people(moment) for moment in local]) * np.where(away, 0.15, 1.0)
    uses = people * random.gamma(4.0, 1 / 4.0, HOURS) + 0.12 * _persistent(random, hours=6)
    load = 0.35 + np.maximum(uses, 0.0) + _heating(outdoor, local, away)
    forecast = outdoor + FORECAST_ERROR * _persistent(random, hours=6)
    return _with_gaps(load, random, 25, longest=48), _with_gaps(forecast, random, 8, longest=12)


def _temperature(random: np.random.Generator) -> Float64:
    """Return the true outdoor temperature (hour,): the year, the day, and weather of a few days."""
    hour = np.arange(HOURS)
    days = hour / 24 + _BEGIN.timetuple().tm_yday
    year = 10.0 - 9.5 * np.cos(2 * np.pi * (days - 20) / 365.25)
    day = 3.5 * np.cos(2 * np.pi * (hour - 14) / 24)
    return np.asarray(year + day + 4.5 * _persistent(random, hours=36) + 0.4 * _persistent(random, hours=3))


def _people(moment: datetime) -> float:
    """Return the power that people usually use at a local time, in kW."""
    free = moment.weekday() >= 5 or (moment.month, moment.day) in _HOLIDAYS
    at = moment.hour + 0.5
    return sum(size * float(np.exp(-0.5 * ((at - hour) / width) ** 2)) for (hour, width), size in _day(free=free))


def _day(*, free: bool) -> tuple[tuple[tuple[float, float], float], ...]:
    return _WEEKEND if free else _WEEKDAY


def _heating(outdoor: Float64, local: list[datetime], away: npt.NDArray[np.bool_]) -> Float64:
    """Return the power of the heat pump (hour,): what the walls lose below 15 degrees, less of it at night."""
    felt = np.empty(HOURS)
    state = outdoor[0]
    for hour, temperature in enumerate(outdoor.tolist()):
        state += (temperature - state) / 4
        felt[hour] = state
    night = np.array([moment.hour < 6 or moment.hour >= 22 for moment in local])
    return np.asarray(0.16 * np.maximum(15 - felt, 0) * np.where(night, 0.6, 1.0) * np.where(away, 0.7, 1.0))


def _absences(random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Return when nobody is at home (hour,): some weekends, and two weeks of each summer."""
    away = np.zeros(HOURS, bool)
    for year in range(2):
        begin = (date(2023 + year, 7, 1) - _BEGIN.date()).days + int(random.integers(0, 45))
        away[24 * begin : 24 * (begin + 14)] = True
    for begin in random.choice(HOURS // 168 - 1, 10, replace=False).tolist():
        away[168 * begin + 6 * 24 - 6 : 168 * begin + 8 * 24 - 4] = True
    return away


def _persistent(random: np.random.Generator, hours: float) -> Float64:
    """Return noise of deviation 1 (hour,) whose correlation falls to 1 / e within so many hours."""
    keep = np.exp(-1 / hours)
    noise = random.standard_normal(HOURS) * np.sqrt(1 - keep**2)
    noise[0] /= np.sqrt(1 - keep**2)
    for hour in range(1, HOURS):
        noise[hour] += keep * noise[hour - 1]
    return np.asarray(noise)


def _with_gaps(values: Float64, random: np.random.Generator, count: int, longest: int) -> Float64:
    """Return values with as many gaps, most of them short; none within the first week."""
    lacking = values.copy()
    for begin in random.integers(168, HOURS - longest, count).tolist():
        lacking[begin : begin + int(np.ceil(longest * random.random() ** 3))] = np.nan
    return lacking
