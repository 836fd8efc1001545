"""`make gate-selftest`: make one mistake after another on purpose, and see what the gate says.

Every mutation gets a copy of one prepared database, and processes that make the mistake; the brief
plan runs on them. The table shows mutation by threshold. The exit status is 0 if without a mutation
all is green, and every mutation turns red what it must and nothing else.
"""

import argparse
import sys
import tempfile
from fnmatch import fnmatchcase
from pathlib import Path

from tests.bench.report import Row, table
from tests.gate.judgement.thresholds import Verdict
from tests.gate.load import Gate
from tests.gate.mutations.registry import MUTATIONS, Mutation
from tests.gate.plan import BRIEF
from tests.gate.record import Record
from tests.gate.run import conclude, end_on_signals, walk
from tests.gate.stack.stack import Prepared, prepared, serving
from tests.processes import PROJECT

SETTINGS = "tests.gate.mutations.settings"
NONE = "none"
FILE = PROJECT / "var" / "gate" / "selftest.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.gate.selftest", description=__doc__)
    parser.add_argument("mutations", nargs="*", choices=[[], NONE, *MUTATIONS], metavar="MUTATION")
    end_on_signals()
    chosen = parser.parse_args().mutations or [NONE, *MUTATIONS]
    reddened: dict[str, set[str]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="gate-") as folder,
        prepared(Path(folder), BRIEF.events, BRIEF.days) as base,
    ):
        for name in chosen:
            red = {v.threshold.figure for v in _verdicts(base, name) if not v.passed}
            reddened[name] = red
            print(f"{name}: {', '.join(sorted(red)) or 'nothing'} is red", flush=True)
    wrong = [complaint for name, red in reddened.items() for complaint in complaints(name, red)]
    report = "\n".join(["# Self-test of the gate", "", _table(reddened), "", *wrong, ""])
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_text(report)
    print(report)
    print("NOT AS IT MUST BE" if wrong else "Every mutation turns red what it should.")
    return 1 if wrong else 0


def _verdicts(base: Prepared, name: str) -> list[Verdict]:
    print(f"== {name}", flush=True)
    extra = {} if name == NONE else mutated(name)
    plan = BRIEF if name == NONE else BRIEF.only(list(MUTATIONS[name].scenarios))
    record = Record()
    with serving(base, f"mutation_{name}", extra) as stack:
        walk(plan, Gate(stack, record))
    # Processes are looked for when the gate itself ends.
    verdicts = conclude(plan, record).verdicts
    return [v for v in verdicts if v.threshold.figure != "leftovers.processes"]


def mutated(name: str) -> dict[str, str]:
    """The environment under which a process makes this mistake."""
    return {"DJANGO_SETTINGS_MODULE": SETTINGS, "TOLLGATE_MUTATION": name}


def complaints(name: str, red: set[str]) -> list[str]:
    """What is not as the mutation has it."""
    if name == NONE:
        return [f"{figure} is red without a mutation." for figure in sorted(red)]
    mutation = MUTATIONS[name]
    missed = [p for p in sorted(mutation.reddens) if not any(fnmatchcase(f, p) for f in red)]
    more = sorted(figure for figure in red if not _may_redden(mutation, figure))
    return [f"{name} does not turn {pattern} red." for pattern in missed] + [
        f"{name} turns {figure} red, which is not its business." for figure in more
    ]


def _may_redden(mutation: Mutation, figure: str) -> bool:
    patterns = mutation.reddens | mutation.may_redden
    return any(fnmatchcase(figure, pattern) for pattern in patterns)


def _table(reddened: dict[str, set[str]]) -> str:
    figures = sorted(set().union(*reddened.values()))
    rows: list[Row] = [
        [name, MUTATIONS[name].what if name in MUTATIONS else "nothing is wrong"]
        + ["red" if figure in red else "" for figure in figures]
        for name, red in reddened.items()
    ]
    return table(["mutation", "mistake", *figures], rows)


if __name__ == "__main__":
    sys.exit(main())
