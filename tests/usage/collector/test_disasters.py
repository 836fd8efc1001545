"""Collectors on full disks, with clocks that disagree, frozen, cut off, and without their
database."""

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import psycopg
import pytest

from config import embedded_postgres
from management_proxy.simulator import running_simulator
from management_proxy.simulator.traffic.queue import as_page
from tests.crashing import nursery
from tests.processes import eventually
from tests.usage.conftest import KEY, environment
from tests.usage.world import PAGE, World
from usage.collector.spool import RESERVED_BYTES_PER_EVENT
from usage.ingest.page_parser import split_page
from usage.models import CollectorRun, UsageEvent
from usage.rollups.tables import GRANULARITIES

pytestmark = pytest.mark.django_db(transaction=True)
# Of the lease of a process that freezes; the others must not lose theirs on a busy machine.
TTL = 3.0
RESERVED = PAGE * RESERVED_BYTES_PER_EVENT


def is_stopped(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_STOPPED


@pytest.mark.parametrize(
    "failpoint",
    ["after pop", "before commit", pytest.param("before spool removal", marks=pytest.mark.matrix)],
)
def test_frozen_holder_stores_what_it_popped_but_neither_pops_again_nor_writes_state(
    world: World, failpoint: str
):
    """Also with a transaction open: its locks must not hold up the successor beyond the TTL."""
    world.offer(4)
    frozen = world.start(
        at=failpoint,
        occurrence=2,
        signal=signal.SIGSTOP,
        settings={"COLLECTOR_LEASE_TTL_SECONDS": TTL},
    )
    eventually(lambda: is_stopped(frozen))
    had = world.handed_out()
    eventually(lambda: world.run() == 0, seconds=60)
    assert len(world.handed_out()) == 4 * PAGE
    world.offer(1)
    os.kill(frozen, signal.SIGCONT)
    assert world.nursery.wait(frozen) == 1
    assert len(world.handed_out()) == 4 * PAGE >= len(had)
    assert world.statuses() == {"abandoned", "succeeded"}
    world.finish()
    assert world.abandoned() == 1
    world.assert_stored_exactly(world.handed_out())


@pytest.mark.parametrize(
    "failpoint",
    [
        pytest.param("run start written", marks=pytest.mark.matrix),
        "attribution written",
        pytest.param("run end written", marks=pytest.mark.matrix),
    ],
)
def test_process_frozen_in_a_short_transaction_holds_up_nobody_beyond_its_lease(
    world: World, failpoint: str
):
    """Its locks are those of the lease's row, or of rows that its successor makes too."""
    world.offer(2)
    frozen = world.start(
        at=failpoint, signal=signal.SIGSTOP, settings={"COLLECTOR_LEASE_TTL_SECONDS": TTL}
    )
    eventually(lambda: is_stopped(frozen))
    world.offer(2)
    eventually(lambda: world.run() == 0, seconds=60)
    os.kill(frozen, signal.SIGCONT)
    assert world.nursery.wait(frozen) == 1
    assert world.statuses() == {"abandoned", "succeeded"}
    world.finish()
    world.assert_stored_exactly(world.handed_out())


def test_full_disk_is_told_before_anything_is_popped(world: World):
    world.offer(2)
    assert world.run(largest_file=RESERVED - 1) == 1
    assert world.handed_out() == []
    run = CollectorRun.objects.get()
    assert (run.status, run.error) == ("failed", "cannot make a spool file: File too large")
    world.finish()
    world.assert_stored_exactly(world.handed_out())


def test_disk_that_fills_while_a_page_arrives_costs_nothing_and_stops_the_popping(world: World):
    queue = world.simulator.app.state.queue
    world.simulator.control("hostile", {"kinds": ["big"], "bytes": 3 * RESERVED})
    world.offer(3)
    assert len(queue) > 2 * PAGE
    assert world.run(largest_file=RESERVED) == 1
    assert len(world.handed_out()) == PAGE
    assert CollectorRun.objects.get().error == "cannot write the spool: File too large"
    world.assert_stored_exactly(world.handed_out())
    world.finish()
    world.assert_stored_exactly(world.handed_out())


@pytest.mark.parametrize("cut", [700, 9_000])
def test_answer_cut_off_after_the_pop_leaves_what_arrived(world: World, cut: int):
    world.offer(2)
    with world.fault("cut_body", bytes=cut):
        assert world.run() == 1
    page = as_page(world.handed_out())
    arrived, rest = split_page(page[:cut])
    assert len(arrived) < PAGE
    assert rest
    world.assert_stored_exactly(arrived, cut_pages=1)
    world.finish()
    world.assert_stored_exactly(arrived + world.handed_out()[PAGE:], cut_pages=1)


def test_collectors_whose_clocks_disagree_take_turns(world: World):
    settings = {"COLLECTOR_INTERVAL_SECONDS": 0.1}
    loops = [
        world.start("collect_usage", "--loop", clock_ahead=ahead, settings=settings)
        for ahead in (7200.0, -7200.0)
    ]
    for turn, loop in enumerate(loops, 1):
        for _ in range(4):
            world.offer(2)
            time.sleep(0.2)
        eventually(
            lambda pages=8 * turn: UsageEvent.objects.count() == pages * (PAGE - 1), seconds=60
        )
        os.kill(loop, signal.SIGTERM)
        assert world.nursery.wait(loop) == 0
    assert world.statuses() == {"succeeded"}
    world.assert_stored_exactly(world.handed_out())


def test_collector_with_a_slow_clock_follows_one_that_died_on_a_fast_host(world: World):
    world.offer(3)
    assert world.run(at="after pop", clock_ahead=7200.0) == -signal.SIGKILL
    eventually(lambda: world.run(clock_ahead=-7200.0) in (0, 3))
    world.finish()
    assert world.statuses() == {"abandoned", "succeeded"}
    assert world.abandoned() == 1
    world.assert_stored_exactly(world.handed_out())


def test_rebuilding_while_collecting_leaves_every_sum_right(world: World):
    """The rollups are recomputed again and again, by another process, under the feet of the
    ingest."""
    loop = world.start("collect_usage", "--loop", settings={"COLLECTOR_INTERVAL_SECONDS": 0.1})
    days = [f"{datetime.now(UTC) + timedelta(days=ahead):%Y-%m-%d}" for ahead in (-1, 0)]
    for _ in range(5):
        world.offer(6)
        assert world.run("rebuild_rollups", "--from", days[0], "--to", days[1]) == 0
    eventually(lambda: UsageEvent.objects.count() == 30 * (PAGE - 1), seconds=60)
    os.kill(loop, signal.SIGTERM)
    assert world.nursery.wait(loop) == 0
    world.assert_stored_exactly(world.handed_out())


@pytest.mark.matrix
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGQUIT], ids=["orderly", "at once"])
def test_database_stopped_and_started_in_the_middle_costs_nothing(tmp_path: Path, blow: int):
    """A server of its own; the collector goes on by itself, and what it popped meanwhile lies in
    the spool."""
    home = tmp_path / "var"
    embedded_postgres.ensure_running(home)
    host = embedded_postgres.connection_settings(home)["HOST"]
    with (
        running_simulator(
            key=KEY, retention=3600, statistics=True, record_handed_out=True
        ) as simulator,
        nursery(
            environment(f"postgresql://postgres@:5432/{host}/tollgate"), tmp_path / "log"
        ) as workers,
    ):
        queue = simulator.app.state.queue
        assert workers.run("migrate") == 0
        address = {
            "CLIPROXYAPI_MANAGEMENT_URL": simulator.management_url,
            "MANAGEMENT_API_KEY": KEY,
            "SPOOL_DIR": str(tmp_path / "spool"),
        }
        # The lease that could not be released is waited for each time.
        settings = {**address, "COLLECTOR_PAGE_SIZE": 50, "COLLECTOR_LEASE_TTL_SECONDS": TTL}
        loop = workers.start("collect_usage", "--loop", "--interval", "0.1", settings=settings)
        try:
            for _ in range(3):
                simulator.control("generate", {"events": 2000, "spread": 7200})
                eventually(lambda: 0 < len(queue) < 1900, seconds=30)
                os.kill(embedded_postgres.server_pid(home), blow)
                eventually(lambda: embedded_postgres.server_pid(home) is None)
                embedded_postgres.ensure_running(home)
            with psycopg.connect(
                host=host, user="postgres", dbname="tollgate", autocommit=True
            ) as database:
                eventually(
                    lambda: (
                        database.execute("SELECT count(*) FROM usage_event").fetchone() == (6000,)
                    ),
                    seconds=60,
                )
                sums = [
                    database.execute(f"SELECT sum(attempts) FROM {granularity.table}").fetchone()
                    for granularity in GRANULARITIES
                ]
            assert sums == [(6000,)] * len(GRANULARITIES)
            assert len(queue.handed_out_log) == 6000
        finally:
            os.kill(loop, signal.SIGTERM)
            workers.wait(loop)
            embedded_postgres.stop_if_unused(home)
