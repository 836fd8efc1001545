"""Collectors that are killed, frozen or cut off at every step: what had reached the host is stored once, and nothing else.

`make crash-matrix` walks every failpoint; the suite a few that stand for the others. The truth is what the simulated
upstream handed out.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings as django_settings
from django.db import connection

from management_proxy.models import Upstream
from management_proxy.simulator import RunningSimulator, running_simulator
from monitoring.leases import force_release
from tests.crashing import Nursery, nursery
from tests.factories import make_upstream
from usage.models import CollectorRun, DeadLetter, UsageEvent
from usage.queue_entry import identity, split_page
from usage.rebuild import differences

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(180)]
KEY = "management-key-for-tests"
PAGE, PAGES = 20, 4
STEPS = (
    "run start", "lease renewal", "pop", "spool write", "spool sync", "parse", "copy", "insert", "rollups", "commit", "spool removal", "run end",
)  # fmt: skip
FAILPOINTS = [f"{when} {step}" for step in STEPS for when in ("before", "after")]
QUICK = [
    ("after pop", 2),
    ("before spool write", 2),
    ("after spool sync", 1),
    ("after insert", 2),
    ("before commit", 1),
    ("after commit", 2),
    ("after rollups", 1),
]
ONCE_A_RUN = ("before run start", "after run start", "before run end", "after run end")


def matrix() -> Iterator:
    for name in FAILPOINTS:
        for occurrence in (1,) if name in ONCE_A_RUN else (1, 2, 3):
            marks = () if (name, occurrence) in QUICK else pytest.mark.matrix
            yield pytest.param(name, occurrence, marks=marks, id=f"{name} #{occurrence}")


@dataclass
class World:
    """An upstream, processes that collect from it, and where these keep their spool."""

    simulator: RunningSimulator
    upstream: Upstream
    nursery: Nursery
    spool: Path
    log: Path

    def start(self, *arguments: str, **order) -> int:
        settings = {"SPOOL_DIR": str(self.spool), "COLLECTOR_PAGE_SIZE": PAGE, **order.pop("settings", {})}
        return self.nursery.start("collect_usage", *arguments, settings=settings, **order)

    def run(self, *arguments: str, **order) -> int:
        return self.nursery.wait(self.start(*arguments, **order))

    def offer(self, pages: int = PAGES) -> None:
        """Queue pages of good events with one bad element each."""
        for _ in range(pages):
            self.simulator.control("generate", {"events": PAGE - 1, "spread": 7200})
            self.simulator.app.state.queue.push([b"17"])

    def handed_out(self) -> list[bytes]:
        return list(self.simulator.app.state.queue.handed_out_log or [])

    def spooled(self) -> list[bytes]:
        pages = [path.read_bytes().rstrip(b"\0") for path in sorted(self.spool.glob("*/*"))]
        return [element for page in pages for element in split_page(page)[0]]

    def identities(self, elements: list[bytes]) -> list[UUID]:
        return [identity(element, self.upstream.pk) for element in elements if element != b"17"]


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory, django_db_setup, django_db_blocker) -> Iterator[tuple[Nursery, Path]]:
    log = tmp_path_factory.mktemp("crashes") / "log"
    secrets = {"USAGE_HASH_KEY": django_settings.USAGE_HASH_KEY, "ENCRYPTION_KEYS": ",".join(django_settings.ENCRYPTION_KEYS)}
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("COV_")}
    with django_db_blocker.unblock():
        url = database_url()
    with nursery({**inherited, **secrets, "SECRET_KEY": "s" * 50, "DATABASE_URL": url, "CLIPROXYAPI_MANAGEMENT_URL": ""}, log) as workers:
        yield workers, log


def database_url() -> str:
    database = connection.settings_dict
    host = str(database["HOST"])
    at = f":{database['PORT']}/{host}/" if host.startswith("/") else f"{host}:{database['PORT']}/"
    return f"postgresql://{database['USER']}@{at}{database['NAME']}"


@pytest.fixture
def world(workers, tmp_path: Path) -> Iterator[World]:
    with running_simulator(key=KEY, retention=3600, statistics=True, record_handed_out=True, reload_window=0.0) as simulator:
        upstream = make_upstream(management_url=simulator.management_url)
        upstream.store_key(KEY)
        upstream.save()
        yield World(simulator, upstream, workers[0], tmp_path / "spool", workers[1])


def assert_stored_exactly(world: World, elements: list[bytes], *, cut_pages: int = 0) -> None:
    """Events, dead letters and every rollup are those of these elements, each once, and the spool is empty."""
    assert sorted(UsageEvent.objects.values_list("digest", flat=True)) == sorted(world.identities(elements))
    reasons = list(DeadLetter.objects.values_list("reason", flat=True))
    assert (reasons.count("not_an_object"), reasons.count("invalid_page")) == (elements.count(b"17"), cut_pages)
    now = datetime.now(UTC)
    assert differences(now - timedelta(days=3), now + timedelta(days=2)) == []
    assert world.spooled() == []


def finish(world: World) -> None:
    """A new process collects the rest; the dead one's lease is not waited for."""
    force_release(world.upstream.collect_lease)
    assert world.run() == 0, world.log.read_text()[-3000:]


@pytest.mark.parametrize(("failpoint", "occurrence"), list(matrix()))
def test_killed_process_loses_and_doubles_nothing(world: World, failpoint: str, occurrence: int):
    world.offer()
    assert world.run(at=failpoint, occurrence=occurrence) == -signal.SIGKILL
    popped, reached = world.handed_out(), set(UsageEvent.objects.values_list("digest", flat=True))
    reached |= set(world.identities(world.spooled()))
    lost = [element for element in popped if element != b"17" and identity(element, world.upstream.pk) not in reached]
    # Only what was still on its way, between the upstream's memory and ours, may be missing.
    assert failpoint == "before spool write" or not lost
    assert set(lost) <= set(popped[-PAGE:])
    finish(world)
    arrived = popped[:-PAGE] if lost else popped
    assert_stored_exactly(world, arrived + world.handed_out()[len(popped) :])
    assert set(CollectorRun.objects.values_list("status", flat=True)) <= {"abandoned", "succeeded"}


def test_every_failpoint_is_passed_and_walked(world: World, tmp_path: Path):
    world.offer()
    assert world.run(passed=str(tmp_path / "passed")) == 0
    assert set((tmp_path / "passed").read_text().splitlines()) == set(FAILPOINTS)
