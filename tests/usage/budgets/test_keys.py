"""Budgets that withhold client keys: removed at the limit and given back, whatever dies when.

Real processes are killed at the steps of removing and of giving back; whichever comes next, the key
ends where the budget wants it, and its text is never lost.
"""

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from management_proxy.client.http import ManagementClient
from management_proxy.simulator import RunningSimulator, running_simulator
from monitoring import periodic
from monitoring.audit.trail import AuditEntry
from providers.client_keys.actions import create
from providers.models import ClientKey, Intent, WithheldKey
from tests.concurrency import times
from tests.crashing import Nursery, nursery
from tests.factories import give_key, make_upstream, make_user
from tests.providers.processes import World, environment
from tests.usage.budgets.making import make_budget, use
from usage.budgets import actions
from usage.budgets.evaluation import TASK, evaluate
from usage.models import Budget

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "sk-client-of-a-budget-0001"
# Where a process dies: after the key was stored, after the upstream was told, before that and after
# it was recorded.
REMOVING = ("after budget levels", "after withholding", "after upstream write", "before outcome")
RETURNING = ("after giving back", "after upstream write", "after outcome")


@pytest.fixture(scope="module")
def workers(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[Nursery]:
    with django_db_blocker.unblock():
        surroundings = environment()
    with nursery(surroundings, tmp_path_factory.mktemp("budgets") / "log") as workers:
        yield workers


@pytest.fixture
def simulator() -> Iterator[RunningSimulator]:
    with running_simulator(clients=2, reload_window=0.0) as simulator:
        yield simulator


@pytest.fixture
def world(workers: Nursery, simulator: RunningSimulator) -> World:
    upstream = make_upstream(management_url=simulator.management_url)
    give_key(upstream, simulator.key)
    upstream.save()
    return World(upstream, ManagementClient(simulator.management_url, simulator.key), workers)


@pytest.fixture
def key(world: World) -> ClientKey:
    """A key of ann's that has used 1,000 tokens today."""
    row = create(world.upstream, None, owner=make_user("ann"), name="Ann", key=KEY).row
    use(world.upstream, 1000, timezone.now(), api_key=KEY)
    return row


def state(key: ClientKey) -> str:
    key.refresh_from_db()
    return key.state


def test_a_key_goes_at_the_limit_and_comes_back_when_it_is_raised(world, key):
    budget = make_budget(scope="user", user=key.owner, removes_keys=True)
    assert evaluate().keys.removed == 1
    assert (state(key), KEY in world.listed()) == ("withheld", False)
    held = WithheldKey.objects.get()
    assert held.reason == "Budget “Team A”: the limit is reached"
    actions.make_exception(budget, timezone.localdate(), 5000, "launch", make_user(staff=True))
    assert evaluate().keys.returned == 1
    assert (state(key), KEY in world.listed()) == ("active", True)


@pytest.mark.parametrize("end", ["the next period", "deleted", "limit raised", "reports only"])
def test_whatever_ends_it_gives_the_key_back(world, key, end):
    budget = make_budget(scope="key", client_key=key, period="day", removes_keys=True)
    evaluate()
    assert KEY not in world.listed()
    if end == "deleted":
        actions.delete(budget, make_user(staff=True))
    elif end != "the next period":
        change = {"limit": 5000} if end == "limit raised" else {"removes_keys": False}
        Budget.objects.update(**change)
    evaluate(timezone.now() + timedelta(days=1) if end == "the next period" else None)
    assert (state(key), KEY in world.listed()) == ("active", True)


def test_a_key_that_two_budgets_want_removed_waits_for_both(world, key):
    first = make_budget("one", scope="key", client_key=key, removes_keys=True)
    make_budget("two", scope="user", user=key.owner, removes_keys=True)
    evaluate()
    first.delete()
    evaluate()
    assert KEY not in world.listed()
    Budget.objects.all().delete()
    evaluate()
    assert KEY in world.listed()


def test_what_replaced_a_key_goes_as_well(world, key):
    newer = create(world.upstream, None, owner=None, name="newer", key=f"{KEY}-newer").row
    ClientKey.objects.filter(pk=newer.pk).update(replaces=key)
    make_budget(scope="key", client_key=key, removes_keys=True)
    evaluate()
    assert (state(key), state(newer)) == ("withheld", "withheld")


def test_staff_give_it_back_until_the_period_ends(world, key, client):
    yesterday = timezone.now() - timedelta(days=1)
    use(world.upstream, 1000, yesterday, api_key=KEY)
    make_budget(scope="key", client_key=key, period="day", removes_keys=True)
    evaluate(yesterday)
    client.force_login(make_user("ada", staff=True))
    page = client.get("/usage/budgets/").content.decode()
    assert "Give back Ann" in page
    assert KEY not in page
    client.post(f"/usage/budgets/keys/{key.pk}/give-back/")
    evaluate(yesterday)
    assert (state(key), KEY in world.listed()) == ("active", True)
    assert "given back by a person" in client.get("/usage/budgets/").content.decode()
    evaluate()
    assert state(key) == "withheld", "the next day it is removed again"


def test_evaluations_at_the_same_moment_remove_it_once(world, key):
    make_budget(scope="key", client_key=key, removes_keys=True)
    times(4, lambda number: evaluate())
    evaluate()
    assert (state(key), KEY in world.listed()) == ("withheld", False)
    assert Intent.objects.filter(kind="client_key.withheld").count() == 1
    assert AuditEntry.objects.filter(action="client_key.withheld").count() == 1


@pytest.mark.parametrize("failpoint", REMOVING)
def test_a_process_killed_while_it_removes_a_key(world, key, failpoint):
    make_budget(scope="key", client_key=key, removes_keys=True)
    assert world.run("evaluate_budgets", at=failpoint) == -signal.SIGKILL
    _evaluate_by_another(world)
    held = WithheldKey.objects.get()
    assert (state(key), held.state, held.key) == ("withheld", "withheld", KEY)
    assert KEY not in world.listed()
    Budget.objects.all().delete()
    _evaluate_by_another(world)
    assert world.listed().count(KEY) == 1
    world.assert_agreement(strangers=2)


@pytest.mark.parametrize("failpoint", RETURNING)
def test_a_process_killed_while_it_gives_a_key_back(world, key, failpoint):
    make_budget(scope="key", client_key=key, removes_keys=True)
    evaluate()
    Budget.objects.all().delete()
    assert world.run("evaluate_budgets", at=failpoint) == -signal.SIGKILL
    _evaluate_by_another(world)
    assert (state(key), world.listed().count(KEY)) == ("active", 1)
    assert not WithheldKey.objects.exists()
    world.assert_agreement(strangers=2)


def _evaluate_by_another(world: World) -> None:
    """Two evaluations by the next process: what a dead one had in hand is settled in the first."""
    from monitoring.leases import force_release

    force_release(TASK.lease_name)
    force_release(world.upstream.write_lease)
    for _ in range(2):
        assert periodic.run(TASK, only_if_due=False)
