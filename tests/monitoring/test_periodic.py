"""Periodic tasks: each done once a period, by one process, and told when it goes wrong."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F

from monitoring import leases, periodic
from monitoring.health import Level
from monitoring.models import PeriodicTask
from monitoring.periodic import Task, TroubleFound, check_tasks, is_due, run_due
from tests.concurrency import times

pytestmark = pytest.mark.django_db(transaction=True)
Status = PeriodicTask.Status
HOUR = timedelta(hours=1)


@pytest.fixture
def only(monkeypatch):
    """The given task is the only one there is."""

    def use(function, **fields) -> Task:
        task = Task(
            "x", "Do x", function, fields.pop("period", HOUR), "matters", "fix it", **fields
        )
        monkeypatch.setattr(periodic, "_tasks", {"x": task})
        return task

    return use


def long_ago(by: timedelta) -> None:
    PeriodicTask.objects.update(begun_at=F("begun_at") - by)


def test_done_once_a_period(only):
    only(lambda: "done")
    assert [run_due(), run_due()] == [["x"], []]
    long_ago(HOUR)
    assert run_due() == ["x"]
    assert PeriodicTask.objects.get().outcome == "done"


def test_many_processes_do_it_once(only):
    done = []
    only(lambda: done.append(1) or "done")
    times(6, lambda _: run_due())
    assert len(done) == 1


def test_failure_is_reported_and_tried_again_soon(only):
    def fail() -> str:
        raise ValueError("no luck")

    only(fail, period=timedelta(days=1))
    assert run_due() == ["x"]
    assert [(finding.level, finding.fix) for finding in check_tasks()] == [
        (Level.WARNING, "fix it")
    ]
    assert run_due() == []
    long_ago(periodic.RETRY)
    assert run_due() == ["x"]


def test_trouble_is_reported_but_not_checked_again_at_once(only):
    def find() -> str:
        raise TroubleFound("3 rows differ")

    only(find, period=timedelta(days=1))
    run_due()
    assert [(finding.level, finding.summary) for finding in check_tasks()] == [
        (Level.ERROR, "3 rows differ")
    ]
    long_ago(periodic.RETRY)
    assert run_due() == []


def test_task_of_a_dead_process_is_done_again(only):
    task = only(lambda: "done")
    PeriodicTask.objects.create(
        name="x", status=Status.RUNNING, begun_at=datetime.now(UTC) - periodic.RETRY
    )
    assert leases.acquire(task.lease_name, 30)
    assert run_due() == []
    leases.force_release(task.lease_name)
    assert run_due() == ["x"]


@pytest.mark.parametrize(
    ("begun", "due"),
    [("2026-11-20T03:10", False), ("2026-11-20T02:50", True), ("2026-11-19T04:00", True)],
)
def test_nightly_task_is_due_once_its_hour_has_come(only, begun, due):
    task = only(lambda: "done", period=timedelta(days=1), hour=3)
    row = PeriodicTask(
        name="x",
        status=Status.SUCCEEDED,
        begun_at=datetime.fromisoformat(begun).replace(tzinfo=UTC),
    )
    assert is_due(task, row, datetime(2026, 11, 20, 22, tzinfo=UTC)) is due


def test_process_that_lost_its_lease_meanwhile_writes_nothing(only):
    def be_overtaken() -> str:
        leases.force_release(task.lease_name)
        leases.acquire(task.lease_name, 30)
        return "done"

    task = only(be_overtaken)
    run_due()
    assert PeriodicTask.objects.get().status == Status.RUNNING
