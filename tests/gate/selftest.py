"""`make gate-selftest`: make one mistake after another on purpose, and see what the gate says.

Every mutation gets a copy of one prepared database, and processes that make the mistake; of the
brief plan, the scenarios of the thresholds that it must turn red run on them, and a control. First
of all the whole of that plan runs without a mistake. What is known is kept in
var/gate/selftest.json, so that an interrupted run of the same version continues. The exit status is
0 if without a mutation all is green, every mutation turns red what it must and nothing else, and
every threshold was red.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.gate import selftest_results as results
from tests.gate.load import Gate
from tests.gate.mutations.catalogue import MUTATIONS
from tests.gate.plan import BRIEF, Plan
from tests.gate.record import Record
from tests.gate.run import conclude, end_on_signals, walk
from tests.gate.selftest_results import NONE, Outcome
from tests.gate.stack.processes import wait_for_end
from tests.gate.stack.stack import Prepared, prepared, serving
from tests.processes import PROJECT

SETTINGS = "tests.gate.mutations.settings"
FOLDER = PROJECT / "var" / "gate"


def main() -> int:
    options = _options()
    end_on_signals()
    path = FOLDER / "selftest.json"
    known = results.load(path, any_version=options.keep)
    chosen = options.mutations or [n for n in (NONE, *MUTATIONS) if n not in known]
    with (
        tempfile.TemporaryDirectory(prefix="gate-") as folder,
        prepared(Path(folder), BRIEF.events, BRIEF.days) as base,
    ):
        for number, name in enumerate(chosen, 1):
            print(f"== {number} of {len(chosen)}: {name}", flush=True)
            known[name] = outcome = _outcome(base, name)
            results.store(path, known)
            print(f"{name}: {', '.join(outcome.red) or 'nothing'} is red", flush=True)
    report, is_well = results.report(known)
    (FOLDER / "selftest.md").write_text(report)
    print(report)
    return 0 if is_well else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gate.selftest", description=__doc__)
    parser.add_argument("mutations", nargs="*", choices=[[], NONE, *MUTATIONS], metavar="MUTATION")
    parser.add_argument("--keep", action="store_true", help="also results of other versions")
    return parser.parse_args()


def _outcome(base: Prepared, name: str) -> Outcome:
    began, record = time.monotonic(), Record()
    plan = _plan(name)
    extra = {} if name == NONE else mutated(name, plan)
    copy = f"mutation_{name}"
    try:
        with serving(base, copy, extra) as stack:
            walk(plan, Gate(stack, record, plan.patience))
    finally:
        left = wait_for_end(f"{base.stack.mark}.{copy}", 5)
        for process in left:
            process.kill()
        _keep_logs(base.stack.home / copy, FOLDER / "selftest" / name)
    record.figure("leftovers.processes", len(left))
    red = {v.threshold.figure: v.reason for v in conclude(plan, record).verdicts if not v.passed}
    return Outcome(red, round(time.monotonic() - began, 1))


def _plan(name: str) -> Plan:
    """What runs for a mutation; `soak` needs the load of `everything`."""
    if name == NONE:
        return BRIEF
    wanted = MUTATIONS[name].scenarios
    return BRIEF.only([*wanted, *(["everything"] if "soak" in wanted else [])])


def _keep_logs(source: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for log in source.glob("*.log"):
        shutil.copy(log, folder)


def mutated(name: str, plan: Plan) -> dict[str, str]:
    """The environment under which processes make this mistake; few of them, where that is enough to
    show it."""
    few = {} if "killed_worker" in plan.scenarios else {"WEB_WORKERS": "1"}
    return {"DJANGO_SETTINGS_MODULE": SETTINGS, "TOLLGATE_MUTATION": name, **few}


if __name__ == "__main__":
    sys.exit(main())
