"""A run of a plan: the stack, its scenarios, what is left behind, and what is concluded."""

import platform
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from types import FrameType

import psutil

from tests.gate.judgement import acceptance, errors, references, thresholds
from tests.gate.load import Gate, eventually
from tests.gate.plan import Plan
from tests.gate.record import Record
from tests.gate.report.result import Result
from tests.gate.scenarios.watch import watched
from tests.gate.scenarios.writes import unsettled
from tests.gate.stack.processes import wait_for_end
from tests.gate.stack.stack import Stack, prepared, serving
from tests.processes import PROJECT

_HELD = """
SELECT count(*) FROM monitoring_lease
WHERE expires_at > clock_timestamp() AND name ~ '^(collect|write):'
"""


def end_on_signals() -> None:
    """Let SIGTERM, and a terminal that closes, end this process as Ctrl-C does: with everything
    that it started."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def measure(plan: Plan, record: Record, logs: Path) -> None:
    """Run all scenarios of a plan on a stack of its own, and look for what is left behind; what its
    processes wrote is copied to `logs`."""
    with tempfile.TemporaryDirectory(prefix="gate-") as folder:
        try:
            with prepared(Path(folder), plan.events, plan.days) as base, serving(base) as running:
                walk(plan, Gate(running, record, plan.patience))
        finally:
            logs.mkdir(parents=True, exist_ok=True)
            for log in Path(folder).glob("*.log"):
                shutil.copy(log, logs)
        record.figure("leftovers.processes", len(wait_for_end(base.stack.mark)))


def walk(plan: Plan, gate: Gate) -> None:
    """Its scenarios on a stack that serves; one that breaks off leaves the others their turn."""
    with watched(gate):
        for name, work in plan.scenarios.items():
            with gate.record.stretch(name):
                work(gate)
            gate.hang_up()
    _look_for_leftovers(gate)
    new = errors.new_classes(gate.record.errors)
    for name in new:
        gate.record.incident(f"a new class of errors: {name}")
    gate.record.figure("errors.new_classes", len(new))


def _look_for_leftovers(gate: Gate) -> None:
    running, record = gate.stack, gate.record
    record.figure("leftovers.unsettled", unsettled(gate))
    for collector in running.collectors:
        collector.stop()
    record.figure("leftovers.leases", _held(running))
    record.figure("leftovers.spooled", len(running.spooled()))


def _held(running: Stack) -> int:
    try:
        eventually(lambda: running.database.number(_HELD) == 0, 1)
    except TimeoutError:
        return running.database.number(_HELD)
    return 0


def conclude(plan: Plan, record: Record) -> Result:
    """The verdicts on everything that the plan's scenarios are to measure."""
    always = {"errors", "leftovers"}
    wanted = [
        threshold
        for threshold in thresholds.load(brief=plan.is_brief)
        if threshold.figure.partition(".")[0] in {*plan.scenarios, *always}
    ]
    verdicts = [thresholds.judge(threshold, record) for threshold in wanted]
    return Result(
        _about(plan), record, verdicts, acceptance.lines(verdicts), references.references(record)
    )


def _about(plan: Plan) -> str:
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=PROJECT, capture_output=True, text=True
    )
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"Version {described.stdout.strip() or 'unknown'}, plan “{plan.name}” over"
        f" {plan.events:,} events of {plan.days} days, on {psutil.cpu_count()} cores and"
        f" {memory:.0f} GiB, Python {platform.python_version()}."
    )
