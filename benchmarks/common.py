"""What the benchmarks share."""

import argparse
import json
import math
from pathlib import Path
from typing import Any

from edgeseq.text import table


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


def text(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table; notes, where rows have them, stand below it."""
    header = [name for name in rows[0] if name != "note"]
    notes = [f"{row[header[0]]}: {row['note']}" for row in rows if row.get("note")]
    return "\n".join([table(header, [[_cell(row[name]) for name in header] for row in rows]), *notes])


def publish(title: str, rows: list[dict[str, Any]], path: Path | None) -> None:
    """Print rows as a table and, where wanted, write them as JSON."""
    print(f"\n{title}\n{text(rows)}")
    if path:
        path.write_text(json.dumps({"title": title, "rows": _plain(rows)}, indent=1) + "\n")


def _cell(value: object) -> str:
    if value is None:
        return ""  # there is no such figure
    if isinstance(value, dict):
        return ", ".join(f"{name} {_cell(figure)}" for name, figure in value.items())
    if isinstance(value, list):
        return " ".join(f"{figure:.3g}" for figure in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    """Return a value as JSON takes it, which has no NaN."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
