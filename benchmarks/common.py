"""What the benchmarks share."""

import argparse
import json
from pathlib import Path
from typing import Any

from edgeseq.text import table


def arguments(description: str) -> argparse.ArgumentParser:
    """Return a parser with the option that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    return parser


def publish(title: str, rows: list[dict[str, Any]], path: Path | None) -> None:
    """Print rows as a table and, where wanted, write them as JSON."""
    header = list(rows[0])
    print(f"\n{title}\n" + table(header, [[_cell(row[name]) for name in header] for row in rows]))
    if path:
        path.write_text(json.dumps({"title": title, "rows": rows}, indent=1) + "\n")


def _cell(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
