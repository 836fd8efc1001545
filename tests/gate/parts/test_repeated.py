"""Judging again and again: the load beside it, and what is shown."""

import psutil

from tests.gate.judgement import thresholds
from tests.gate.judgement.thresholds import Threshold
from tests.gate.plan import BRIEF
from tests.gate.record import Record
from tests.gate.repeated import TIMED, _table, beside
from tests.gate.report.result import Result


def test_the_load_beside_it_ends_with_the_block():
    with beside(2):
        load = [p for p in psutil.Process().children() if "getppid" in " ".join(p.cmdline())]
        assert len(load) == 2
    assert not any(process.is_running() for process in load)


def test_what_is_repeated_are_scenarios_of_the_brief_plan():
    assert set(TIMED) < set(BRIEF.scenarios)
    assert {"history", "baseline", "everything"} <= set(TIMED)


def test_each_run_is_shown_with_what_was_red_and_uncertain(capsys):
    record = Record()
    record.figure("a.b", 1)
    record.rounds("a.c", [1, 3])
    bounds = [Threshold("a.b", "why", at_most=0), Threshold("a.c", "why", at_most=2)]
    verdicts = [thresholds.judge(bound, record) for bound in bounds]
    shown = _table([(Result("about", record, verdicts, [], []), 61.2)])
    assert shown.endswith("| 1 | no-go | a.b | 1 | 61 |")
