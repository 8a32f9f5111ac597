"""The series of the panel, and how each file is read: one table, the same for all models."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accuracy.series import ETTH1_SPLIT
from edgeseq.series import Parts, Series, load

EVERY = (("exchange", "1h"), ("ambient", "1h"), ("taxi", "30min"))
"""Part of a file's name -> its period; that of the others is `USUAL`."""

USUAL = "5min"

HORIZON = 12
"""Steps ahead for the files of a folder."""

LOADS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL")
"""The other columns of ETTh1, forecast as far ahead as the nearest horizon of its oil temperature."""


@dataclass(frozen=True)
class Named:
    """A series with how far ahead it is forecast."""

    name: str
    path: str
    horizon: int
    target: str
    split: str | None = None
    every: str | None = None

    def load(self) -> tuple[Series, Parts]:
        """Read it. Rows of the folder's files are sorted, since some repeat an hour."""
        if self.every is None:
            return load(self.path, targets=[self.target], split=self.split)
        return load(self.path, targets=[self.target], every=self.every, sort=True)


def named(etth1: Path | None, folder: Path | None, horizons: Sequence[int] = (24, 48, 96)) -> Iterator[Named]:
    """Yield what the panel consists of: ETTh1 where it is given, CO2, and every CSV below a folder."""
    if etth1:
        for horizon in horizons:
            yield Named(f"ETTh1 OT, {horizon}", str(etth1), horizon, "OT", ETTH1_SPLIT)
        for load in LOADS:
            yield Named(f"ETTh1 {load}, {min(horizons)}", str(etth1), min(horizons), load, ETTH1_SPLIT)
    yield Named("CO2", "co2", 4, "co2")
    for path in sorted(folder.rglob("*.csv")) if folder else ():
        every = next((period for part, period in EVERY if part in path.name), USUAL)
        yield Named(path.stem, str(path), HORIZON, "value", every=every)
