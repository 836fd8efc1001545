"""Verdicts, their confidence, acceptance and classes of errors."""

import tomllib
from pathlib import Path

import pytest

from tests.gate.judgement import acceptance, errors, references, thresholds
from tests.gate.judgement.thresholds import Threshold, judge
from tests.gate.plan import PLANS
from tests.gate.record import Record


@pytest.fixture
def record(capsys) -> Record:
    return Record()


def most(bound: float) -> Threshold:
    return Threshold("a.b", "why", at_most=bound)


@pytest.mark.parametrize(
    ("threshold", "value", "passes"),
    [
        (most(0), 0, True),
        (most(0), 1, False),
        (Threshold("a.b", "why", at_least=1), 1, True),
        (Threshold("a.b", "why", at_least=1), 0.9, False),
    ],
)
def test_a_count_holds_or_does_not(record: Record, threshold: Threshold, value, passes: bool):
    record.figure("a.b", value)
    assert judge(threshold, record).passed is passes


@pytest.mark.parametrize(
    ("rounds", "passes", "says"),
    [
        ([1, 1, 1, 1, 1, 1], True, "98.4 % certain"),
        ([1, 1, 1, 9, 1, 1], True, "uncertain: 5 of 6 rounds hold"),
        ([9, 9, 9, 9, 9, 1], True, "uncertain: 1 of 6 rounds hold"),
        ([9, 9, 9, 9, 9, 9], False, "98.4 % certain"),
    ],
)
def test_only_rounds_that_all_fail_make_red(record: Record, rounds, passes: bool, says: str):
    record.rounds("a.b", rounds)
    verdict = judge(most(2), record)
    assert verdict.passed is passes
    assert says in verdict.reason


def test_what_was_not_measured_is_red_with_the_reason(record: Record):
    with record.stretch("a"):
        raise ValueError("the stack is gone")
    assert "ValueError: the stack is gone" in judge(most(0), record).reason
    assert not judge(most(0), record).passed
    assert "did not run" in judge(Threshold("b.c", "why", at_most=0), record).reason


def test_every_threshold_has_one_bound_a_reason_and_a_scenario():
    scenarios = {"errors", "leftovers", *(name for p in PLANS.values() for name in p.scenarios)}
    found = thresholds.load()
    assert len({t.figure for t in found}) == len(found)
    for threshold in found:
        assert (threshold.at_most is None) != (threshold.at_least is None)
        assert threshold.why.endswith(".")
        assert threshold.figure.partition(".")[0] in scenarios


def test_every_acceptance_line_of_the_plan_names_thresholds():
    figures = {threshold.figure for threshold in thresholds.load()}
    rows = tomllib.loads(acceptance.FILE.read_text())["line"]
    assert {row["day"] for row in rows} == {1, 2, 3, 4, 5, 6, 7}
    for row in rows:
        assert row["figures"]
        assert set(row["figures"]) <= figures, row["text"]


def test_a_line_is_open_until_all_its_figures_are_measured(record: Record, tmp_path: Path):
    path = tmp_path / "acceptance.toml"
    path.write_text('[[line]]\nday = 1\ntext = "t"\nfigures = ["a.b", "a.c"]\n')
    both = [most(0), Threshold("a.c", "why", at_most=0)]

    def passed() -> bool | None:
        return acceptance.lines([judge(one, record) for one in both], path)[0].passed

    record.figure("a.b", 0)
    assert passed() is None
    record.figure("a.c", 0)
    assert passed() is True
    record.figure("a.c", 1)
    assert passed() is False


def test_an_unexpected_class_of_errors_is_new(record: Record):
    record.scenario = "killed_worker"
    record.call("killed worker: history", 0, 0.1)
    assert errors.new_classes(record.errors) == []
    record.call("killed worker: history", 500, 0.1, "INTERNAL_SERVER_ERROR")
    new = "killed_worker: killed worker: history 500 INTERNAL_SERVER_ERROR"
    assert errors.new_classes(record.errors) == [new]


def test_references_show_what_was_measured_beside_theirs(record: Record):
    record.figure("proxy.longest_hang_s", 10.2)
    shown = {one.what: one.ours for one in references.references(record)}
    assert shown["A call to an upstream that hangs"] == "10.2 s"
    assert "not measured in this run" in shown.values()
