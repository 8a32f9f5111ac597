"""The file of results: written after each of them, so that a run can be interrupted and goes on where it was."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.libraries.on_edgeseq import Setting
from benchmarks.libraries.outcome import Outcome
from edgeseq_runtime import files


@dataclass
class Results:
    """What has been measured: for each series the setting, and the outcome of each model."""

    path: Path | None
    settings: dict[str, Setting] = field(default_factory=dict)
    """Series -> what the trained model says of it."""
    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    """Series -> model -> outcome."""

    @classmethod
    def load(cls, path: Path | None) -> "Results":
        """Return what a file holds; nothing where there is none yet."""
        if path is None or not path.exists():
            return cls(path)
        content: dict[str, Any] = json.loads(path.read_text())
        return cls(
            path,
            {series: Setting(**each["setting"]) for series, each in content.items()},
            {
                series: {model: Outcome(**found) for model, found in each["outcomes"].items()}
                for series, each in content.items()
            },
        )

    def add(self, series: str, found: dict[str, Outcome], setting: Setting | None = None) -> None:
        """Take up what was measured, and write the file."""
        if setting:
            self.settings[series] = setting
        self.outcomes.setdefault(series, {}).update(found)
        if self.path:
            content = {
                series: {
                    "setting": asdict(self.settings[series]),
                    "outcomes": {model: outcome.to_dict() for model, outcome in outcomes.items()},
                }
                for series, outcomes in self.outcomes.items()
            }
            files.write_atomically(self.path, (json.dumps(content, indent=1) + "\n").encode())
