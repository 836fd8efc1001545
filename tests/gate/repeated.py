"""`python -m tests.gate.repeated 10 --beside 2`: does noise decide the verdict?

The same version is judged again and again, each time with new processes on a new copy of one
prepared database, beside a bounded load of other processes. The exit status is 0 if all verdicts
are equal.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.report import Row, table
from tests.gate.load import Gate
from tests.gate.plan import BRIEF, FAULTS, Plan
from tests.gate.record import Record
from tests.gate.report.result import Result
from tests.gate.run import conclude, end_on_signals, walk
from tests.gate.stack.processes import wait_for_end
from tests.gate.stack.stack import Prepared, prepared, serving
from tests.processes import PROJECT

# What is measured in time; counts do not depend on noise.
TIMED = [name for name in BRIEF.scenarios if name != "pages" and name not in FAULTS]
# Computes for half of each fifth of a second, and as long as its parent lives.
_BESIDE = """
import os, sys, time
parent = os.getppid()
while os.getppid() == parent:
    ends = time.monotonic() + 0.1
    while time.monotonic() < ends: pass
    time.sleep(0.1)
"""


def main() -> int:
    options = _options()
    end_on_signals()
    plan = BRIEF.only(options.only)
    results: list[tuple[Result, float]] = []
    with (
        tempfile.TemporaryDirectory(prefix="gate-") as folder,
        prepared(Path(folder), plan.events, plan.days) as base,
        beside(options.beside),
    ):
        for number in range(1, options.runs + 1):
            print(f"== run {number} of {options.runs}", flush=True)
            began = time.monotonic()
            results.append((_judged(plan, base, number), time.monotonic() - began))
            print(_table(results), flush=True)
    verdicts = [result.passed for result, _ in results]
    equal = max(sum(verdicts), len(verdicts) - sum(verdicts))
    print(f"{equal} of {len(verdicts)} verdicts are equal.")
    return 0 if equal == len(verdicts) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gate.repeated", description=__doc__)
    parser.add_argument("runs", type=int, nargs="?", default=10)
    parser.add_argument("--beside", type=int, default=2, help="processes of the load beside it")
    parser.add_argument("--only", nargs="*", default=TIMED, metavar="SCENARIO")
    return parser.parse_args()


@contextmanager
def beside(count: int) -> Iterator[None]:
    """So many processes that compute half of the time, until the block ends."""
    command = [sys.executable, "-c", _BESIDE]
    processes = [subprocess.Popen(command, cwd=PROJECT) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _judged(plan: Plan, base: Prepared, number: int) -> Result:
    record = Record()
    copy = f"run_{number}"
    with serving(base, copy) as stack:
        walk(plan, Gate(stack, record, plan.patience))
    left = wait_for_end(f"{base.stack.mark}.{copy}")
    record.figure("leftovers.processes", len(left))
    return conclude(plan, record)


def _table(results: list[tuple[Result, float]]) -> str:
    rows: list[Row] = [
        [
            number,
            "go" if result.passed else "no-go",
            ", ".join(v.threshold.figure for v in result.verdicts if not v.passed),
            sum("uncertain" in verdict.reason for verdict in result.verdicts),
            f"{seconds:.0f}",
        ]
        for number, (result, seconds) in enumerate(results, 1)
    ]
    return table(["run", "verdict", "red", "uncertain thresholds", "s"], rows)


if __name__ == "__main__":
    sys.exit(main())
