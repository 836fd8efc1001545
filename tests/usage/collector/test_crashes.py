"""Collectors that are killed at every step: what had reached the host is stored once, and nothing
else.

`make crash-matrix` walks every failpoint; the suite a few that stand for the others. The truth is
what the simulated upstream handed out.
"""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import eventually
from tests.usage.world import BAD, PAGE, World
from usage.ingest.page_parser import identity
from usage.models import CollectorRun, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = 4
STEPS = (
    "run start",
    "lease renewal",
    "pop",
    "spool write",
    "spool sync",
    "parse",
    "copy",
    "insert",
    "rollups",
    "commit",
    "spool removal",
    "run end",
)
# Within short transactions.
WRITTEN = ("run start written", "attribution written", "run end written")
FAILPOINTS = [*(f"{when} {step}" for step in STEPS for when in ("before", "after")), *WRITTEN]
ONCE_A_RUN = ("before run start", "after run start", "before run end", "after run end", *WRITTEN)
QUICK = [
    ("after pop", 2),
    ("before spool write", 2),
    ("after spool sync", 1),
    ("after insert", 2),
    ("before commit", 1),
    ("after commit", 2),
    ("after rollups", 1),
]


def matrix() -> Iterator:
    for name in FAILPOINTS:
        for occurrence in (1,) if name in ONCE_A_RUN else (1, 2, 3):
            marks = () if (name, occurrence) in QUICK else pytest.mark.matrix
            yield pytest.param(name, occurrence, marks=marks, id=f"{name} #{occurrence}")


def what_became_of_the_popped(world: World) -> tuple[list[bytes], list[bytes]]:
    """All that was handed out, and what of it did not reach us: nothing, or the page on its way
    between the upstream's memory and ours."""
    popped, reached = world.handed_out(), set(UsageEvent.objects.values_list("digest", flat=True))
    reached |= set(world.identities(world.spooled()))
    lost = [
        element
        for element in popped
        if element != BAD and identity(element, world.upstream.pk) not in reached
    ]
    assert set(lost) <= set(popped[-PAGE:])
    return popped, lost


@pytest.mark.parametrize(("failpoint", "occurrence"), list(matrix()))
def test_killed_process_loses_and_doubles_nothing(world: World, failpoint: str, occurrence: int):
    world.offer(PAGES)
    assert world.run(at=failpoint, occurrence=occurrence) == -signal.SIGKILL
    popped, lost = what_became_of_the_popped(world)
    assert failpoint == "before spool write" or not lost
    world.finish()
    arrived = popped[:-PAGE] if lost else popped
    world.assert_stored_exactly(arrived + world.handed_out()[len(popped) :])
    assert world.statuses() <= {"abandoned", "succeeded"}
    assert world.abandoned() <= 1


def test_every_failpoint_is_passed_and_walked(world: World, tmp_path: Path):
    world.offer(PAGES)
    assert world.run(passed=str(tmp_path / "passed")) == 0
    assert set((tmp_path / "passed").read_text().splitlines()) == set(FAILPOINTS)


@pytest.mark.parametrize(
    ("failpoint", "occurrence"),
    [
        # In a look that has no row of its own, and in the first that finds something.
        pytest.param("before lease renewal", 4, marks=pytest.mark.matrix),
        pytest.param("after lease renewal", 4, marks=pytest.mark.matrix),
        ("after pop", 2),
        pytest.param("before run start", 2, marks=pytest.mark.matrix),
        pytest.param("after run start", 2, marks=pytest.mark.matrix),
        pytest.param("before commit", 1, marks=pytest.mark.matrix),
        pytest.param("before run end", 2, marks=pytest.mark.matrix),
    ],
)
def test_killed_loop_loses_and_doubles_nothing_and_is_called_abandoned(
    world: World, failpoint: str, occurrence: int
):
    settings = {"COLLECTOR_INTERVAL_SECONDS": 0.1, "COLLECTOR_LEASE_TTL_SECONDS": 3.0}
    loop = world.start(
        "collect_usage", "--loop", at=failpoint, occurrence=occurrence, settings=settings
    )
    eventually(lambda: CollectorRun.objects.filter(status="succeeded").exists(), 30)
    world.offer(PAGES)
    assert world.nursery.wait(loop) == -signal.SIGKILL
    popped, lost = what_became_of_the_popped(world)
    # It waits for the lease of the dead one, and then each of its polls finds something.
    world.poll_in_a_loop(6, settings)
    arrived = popped[:-PAGE] if lost else popped
    world.assert_stored_exactly(arrived + world.handed_out()[len(popped) :])
    assert world.statuses() == {"abandoned", "succeeded"}
    assert world.abandoned() == 1
