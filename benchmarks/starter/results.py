"""The file of results: written after each of them, so that a run can be interrupted and goes on where it was."""

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.starter.figures import Figures
from edgeseq_runtime import files
from edgeseq_runtime.errors import DataError


@dataclass
class Results:
    """What has been measured."""

    path: Path | None
    horizon: int
    """Of all of it."""
    figures: dict[str, dict[str, Figures]] = field(default_factory=lambda: defaultdict(dict))
    """Series -> model -> its figures."""

    def read(self) -> None:
        """Take up what the file holds. Raises `DataError` where it is of another horizon."""
        if self.path is None or not self.path.exists():
            return
        content = json.loads(self.path.read_text())
        if content["horizon"] != self.horizon:
            raise DataError(f"{self.path}: expected results {self.horizon} samples ahead, got {content['horizon']}")
        for series, models in content["series"].items():
            for model, found in models.items():
                self.figures[series].setdefault(model, Figures.from_dict(found))

    def add(self, series: str, model: str, found: Figures) -> None:
        """Take up what was measured, and write it with what other runs have written meanwhile."""
        self.figures[series][model] = found
        if self.path:
            self.read()
            content = {name: {one: asdict(got) for one, got in all_.items()} for name, all_ in self.figures.items()}
            text = json.dumps({"horizon": self.horizon, "series": content}, indent=1)
            files.write_atomically(self.path, f"{text}\n".encode())
