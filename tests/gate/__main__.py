"""`make gate`: put this version under the load of a bad day, and say go or no-go.

The exit status is 0 for go, 1 for no-go. The report is written to `var/gate/`: report.html for
people, junit.xml and gate.json for pipelines.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

from tests.gate.plan import PLANS, Plan
from tests.gate.record import Record
from tests.gate.report import machine
from tests.gate.report.page import page
from tests.gate.report.result import Result
from tests.gate.run import conclude, end_on_signals, measure
from tests.gate.scenarios import baseline
from tests.processes import PROJECT


def main() -> int:
    options = _options()
    end_on_signals()
    plan, record = _plan(options), Record()
    measure(plan, record, options.output / "logs")
    result = conclude(plan, record)
    write(result, options.output)
    if options.keep_baseline:
        baseline.STORED.write_text(json.dumps(record.documents["baseline"], indent=1) + "\n")
    return show(result, options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gate", description=__doc__)
    parser.add_argument("--plan", choices=PLANS, default="short")
    parser.add_argument("--only", nargs="*", default=[], metavar="SCENARIO")
    parser.add_argument("--events", type=int, help="in the database at the start")
    parser.add_argument("--output", type=Path, default=PROJECT / "var" / "gate", metavar="FOLDER")
    parser.add_argument(
        "--keep-baseline", action="store_true", help="later runs are compared with this one"
    )
    return parser.parse_args()


def _plan(options: argparse.Namespace) -> Plan:
    plan = PLANS[options.plan]
    if options.only:
        plan = plan.only(options.only)
    return plan if options.events is None else replace(plan, events=options.events)


def write(result: Result, folder: Path) -> None:
    """The three files of the report."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text(page(result))
    (folder / "junit.xml").write_text(machine.junit(result))
    (folder / "gate.json").write_text(machine.document(result))


def show(result: Result, folder: Path) -> int:
    """Print every verdict; the exit status."""
    for verdict in result.verdicts:
        word = "pass" if verdict.passed else "FAIL"
        print(f"{word}  {verdict.threshold.figure}: {verdict.reason}")
    print(f"{'GO' if result.passed else 'NO-GO'}: {folder / 'report.html'}")
    return 0 if result.passed else 1


if __name__ == "__main__":
    sys.exit(main())
