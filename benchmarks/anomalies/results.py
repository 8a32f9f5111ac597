"""The file of results: written after each series, so that a run can be interrupted and goes on where it was."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeseq_runtime import files
from edgeseq_runtime.errors import UsageError


@dataclass
class Results:
    """What has been measured."""

    path: Path | None
    settings: Mapping[str, Any]
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Series -> what was counted."""

    @classmethod
    def load(cls, path: Path | None, settings: Mapping[str, Any]) -> "Results":
        """Return what a file holds; nothing where there is none yet. Raises `UsageError` for one of other settings."""
        if path is None or not path.exists():
            return cls(path, settings)
        content: dict[str, Any] = json.loads(path.read_text())
        if content["settings"] != settings:
            raise UsageError(f"{path}: expected results of the settings {settings}, got {content['settings']}")
        return cls(path, settings, content["records"])

    def add(self, name: str, record: dict[str, Any]) -> None:
        """Take up what was measured, and write the file."""
        self.records[name] = record
        if self.path:
            content = {"settings": self.settings, "records": self.records}
            files.write_atomically(self.path, (json.dumps(content, indent=1) + "\n").encode())
