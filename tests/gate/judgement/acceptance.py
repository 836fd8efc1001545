"""The acceptance lines of the plan (docs/rollout.md names them), each with the figures that decide
it."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gate.judgement.thresholds import Verdict

FILE = Path(__file__).parent.parent / "acceptance.toml"


@dataclass(frozen=True)
class Line:
    """A line of the plan: whether its figures hold (None if one was not measured in this run), and
    what they were."""

    day: int
    text: str
    passed: bool | None
    measured: list[str]


def lines(verdicts: Iterable[Verdict], path: Path = FILE) -> list[Line]:
    """Every line of the plan with its outcome."""
    by_figure = {verdict.threshold.figure: verdict for verdict in verdicts}
    return [
        _line(row, {name: by_figure.get(name) for name in row["figures"]})
        for row in tomllib.loads(path.read_text())["line"]
    ]


def _line(row: dict[str, Any], verdicts: dict[str, Verdict | None]) -> Line:
    day, text = row["day"], row["text"]
    measured = [f"{name}: {v.reason if v else 'not measured'}" for name, v in verdicts.items()]
    measured += [row["note"]] if "note" in row else []
    judged = [verdict for verdict in verdicts.values() if verdict and verdict.figure]
    if len(judged) < len(verdicts):
        return Line(day, text, None, measured)
    return Line(day, text, all(verdict.passed for verdict in judged), measured)
