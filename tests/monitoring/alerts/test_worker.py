"""One process of all evaluates, and another takes over when it is dead."""

import pytest

from monitoring.alerts import worker
from monitoring.alerts.worker import LEASE, Evaluator
from monitoring.leases import force_release
from monitoring.models import Lease

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def evaluations(monkeypatch) -> list[int]:
    done: list[int] = []
    monkeypatch.setattr(worker, "evaluate", lambda term: done.append(term.token))
    monkeypatch.setattr(worker, "deliver_due", list)
    return done


def test_one_of_many_evaluates(evaluations):
    first, second = Evaluator(), Evaluator(stands_in=True)
    for _ in range(3):
        first.tick()
        second.tick()
    assert evaluations == [1, 1, 1]


def test_another_takes_over_when_the_lease_has_run_out(evaluations):
    dead, other = Evaluator(), Evaluator(stands_in=True)
    dead.tick()
    Lease.objects.filter(name=LEASE).update(expires_at="2020-01-01T00:00:00Z")
    other.tick()
    dead.tick()
    assert evaluations == [1, 2]


def test_who_lost_the_lease_evaluates_no_more(evaluations):
    first = Evaluator()
    first.tick()
    force_release(LEASE)
    Evaluator().tick()
    first.tick()
    assert evaluations == [1, 2]


def test_a_web_process_hands_the_lease_on(evaluations, monkeypatch):
    monkeypatch.setattr(worker, "STAND_IN_SECONDS", -1.0)
    web, collector = Evaluator(stands_in=True), Evaluator()
    assert web.tick() == worker.STAND_IN_WAIT_SECONDS
    collector.tick()
    web.tick()
    assert evaluations == [1, 2]


def test_resting_frees_the_lease(evaluations):
    first = Evaluator()
    first.tick()
    first.rest()
    assert Lease.objects.get(name=LEASE).holder == ""
