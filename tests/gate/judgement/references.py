"""What was measured of other dashboards, beside what this run measured."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.gate.record import Record

FILE = Path(__file__).parent.parent / "references.toml"


@dataclass(frozen=True)
class Reference:
    """One figure of another dashboard, and ours; both in words."""

    what: str
    theirs: str
    ours: str
    source: str


def references(record: Record, path: Path = FILE) -> list[Reference]:
    """Each with the figures of this run that correspond to it."""
    return [
        Reference(row["what"], row["theirs"], _ours(row["figures"], record), row["source"])
        for row in tomllib.loads(path.read_text())["reference"]
    ]


def _ours(figures: dict[str, str], record: Record) -> str:
    found = [
        f"{record.figures[name].value:.3g} {unit}"
        for name, unit in figures.items()
        if name in record.figures
    ]
    return ", ".join(found) or "not measured in this run"
