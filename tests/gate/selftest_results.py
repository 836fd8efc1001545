"""What the self-test found: which thresholds each mutation turned red, and if that is right."""

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench.report import Row, table
from tests.gate.judgement import thresholds
from tests.gate.mutations.catalogue import MUTATIONS
from tests.processes import PROJECT

NONE = "none"


@dataclass(frozen=True)
class Outcome:
    """The figures that were red by the reason, and how long that took."""

    red: dict[str, str]
    seconds: float


Outcomes = dict[str, Outcome]


def version() -> str:
    """The commit, and a digest of what is changed beside it."""

    def git(*arguments: str) -> bytes:
        return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True).stdout

    commit = git("describe", "--always").decode().strip() or "unknown"
    changed = git("diff", "HEAD")
    return f"{commit}+{hashlib.sha256(changed).hexdigest()[:8]}" if changed else commit


def load(path: Path, *, any_version: bool = False) -> Outcomes:
    """What an interrupted run of this version has left."""
    if not path.exists():
        return {}
    document = json.loads(path.read_text())
    if document["version"] != version() and not any_version:
        return {}
    return {name: Outcome(**one) for name, one in document["outcomes"].items()}


def store(path: Path, outcomes: Mapping[str, Outcome]) -> None:
    """Keep what is known for a run that continues."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"version": version(), "outcomes": {n: asdict(o) for n, o in outcomes.items()}}
    path.write_text(json.dumps(document, indent=1) + "\n")


def complaints(name: str, red: set[str]) -> list[str]:
    """What is not as the mutation has it."""
    if name == NONE:
        return [f"{figure} is red without a mutation." for figure in sorted(red)]
    mutation = MUTATIONS[name]
    more = sorted(f for f in red - mutation.turns_red if not _may_redden(name, f))
    return [
        *(f"{name} does not turn {f} red." for f in sorted(mutation.turns_red - red)),
        *(f"{name} turns {f} red, which is not its business." for f in more),
    ]


def _may_redden(name: str, figure: str) -> bool:
    return any(fnmatchcase(figure, pattern) for pattern in MUTATIONS[name].may_redden)


def report(outcomes: Mapping[str, Outcome]) -> tuple[str, bool]:
    """Mutation by threshold, and back, in Markdown; whether all is as it must be."""
    names = [name for name in (NONE, *MUTATIONS) if name in outcomes]
    wrong = [line for name in names for line in complaints(name, set(outcomes[name].red))]
    figures = [threshold.figure for threshold in thresholds.load()]
    by_figure = {f: [n for n in names if f in outcomes[n].red] for f in figures}
    wrong += [f"{figure} was red by no mutation." for figure in figures if not by_figure[figure]]
    seconds = sum(outcomes[name].seconds for name in names)
    parts = [
        f"Version {version()}: {len(names)} runs in {seconds / 60:.0f} minutes,"
        f" {len(figures)} thresholds.",
        table(["mutation", "mistake", "turns red", "red as well", "s"], _rows(outcomes, names)),
        table(
            ["threshold", "turned red by"],
            [[f"`{f}`", ", ".join(found) or "**none**"] for f, found in by_figure.items()],
        ),
        "\n".join(f"* {line}" for line in wrong) or "Every mutation turns red what it should.",
    ]
    return "\n\n".join(parts) + "\n", not wrong


def _rows(outcomes: Mapping[str, Outcome], names: list[str]) -> list[Row]:
    rows: list[Row] = []
    for name in names:
        mutation, red = MUTATIONS.get(name), outcomes[name].red
        must = mutation.turns_red if mutation else frozenset()
        rows.append(
            [
                f"`{name}`",
                mutation.what if mutation else "nothing is wrong",
                ", ".join(f"`{f}`" for f in red if f in must),
                ", ".join(f"`{f}`" for f in red if f not in must),
                f"{outcomes[name].seconds:.0f}",
            ]
        )
    return rows
