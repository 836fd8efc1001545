"""Processes killed at every step of a change: after `reconcile`, database and upstream agree.

`make crash-matrix` walks every step; the suite the ones that stand for the others.
"""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from management_proxy.client.http import ManagementClient
from management_proxy.simulator import running_simulator
from providers.models import ClientKey, Intent
from tests.crashing import Nursery, nursery
from tests.factories import give_key, make_upstream
from tests.processes import eventually
from tests.providers.processes import World, environment

pytestmark = pytest.mark.django_db(transaction=True)
STEPS = ("applied", "upstream write", "read back", "outcome", "write lease release")
FAILPOINTS = [
    "write lease taken",
    *(f"{when} {step}" for step in STEPS for when in ("before", "after")),
]
QUICK = ("after applied", "after upstream write", "after outcome")


@pytest.fixture(scope="module")
def workers(tmp_path_factory, django_db_setup, django_db_blocker) -> Iterator[Nursery]:
    with django_db_blocker.unblock():
        surroundings = environment()
    with nursery(surroundings, tmp_path_factory.mktemp("writes") / "log") as workers:
        yield workers


@pytest.fixture
def world(workers: Nursery) -> Iterator[World]:
    with running_simulator(clients=2) as simulator:
        upstream = make_upstream(management_url=simulator.management_url)
        give_key(upstream, simulator.key)
        upstream.save()
        yield World(upstream, ManagementClient(simulator.management_url, simulator.key), workers)


def cases() -> Iterator:
    for name in FAILPOINTS:
        for action in ("create", "revoke"):
            marks = () if name in QUICK and action == "create" else pytest.mark.matrix
            yield pytest.param(action, name, marks=marks, id=f"{action}: {name}")


@pytest.mark.parametrize(("action", "failpoint"), list(cases()))
def test_a_killed_change_is_finished_or_undone(world: World, action: str, failpoint: str):
    assert world.run("client_keys", "create", "Before") == 0
    arguments = (
        ("create", "Killed") if action == "create" else ("revoke", str(ClientKey.objects.get().pk))
    )
    assert world.run("client_keys", *arguments, at=failpoint) == -signal.SIGKILL
    assert world.run("reconcile_providers", "--apply") in (
        0,
        3,
    )  # 3: the simulator's own two keys are strangers
    world.assert_agreement(strangers=2)
    assert ClientKey.objects.filter(state="active").count() == (2 if action == "create" else 0)


def test_a_frozen_holder_neither_records_nor_blocks(world: World):
    frozen = world.start(
        "client_keys", "create", "Frozen", at="before applied", signal=signal.SIGSTOP
    )
    eventually(lambda: psutil.Process(frozen).status() == psutil.STATUS_STOPPED)
    assert world.run("client_keys", "create", "Second") == 0
    assert Intent.objects.filter(state="verified").count() == 2, (
        "the second one carries out the first, too"
    )
    os.kill(frozen, signal.SIGCONT)
    assert world.nursery.wait(frozen) == 0
    world.assert_agreement(strangers=2)
    assert Intent.objects.filter(attempts=1).count() == 2
