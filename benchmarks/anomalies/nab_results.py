"""The file of results: written after each file of the benchmark, so that an interrupted run goes on where it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.anomalies.nab_detector import Found
from edgeseq_runtime import files


@dataclass
class Results:
    """What was found, by file."""

    path: Path | None
    found: dict[str, Found] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path | None) -> "Results":
        """Return what a file holds; nothing where there is none yet."""
        if path is None or not path.exists():
            return cls(path)
        content: dict[str, Any] = json.loads(path.read_text())
        return cls(path, {name: _found(each) for name, each in content.items()})

    def add(self, name: str, found: Found) -> None:
        """Take up what was found in a file, and write all."""
        self.found[name] = found
        if self.path:
            content = {each: asdict(self.found[each]) for each in sorted(self.found)}
            files.write_atomically(self.path, (json.dumps(content) + "\n").encode())


def _found(each: dict[str, Any]) -> Found:
    rows = {name: [tuple(row) for row in each[name]] for name in ("surprises", "alarms")}
    return Found(**{**each, **rows})
