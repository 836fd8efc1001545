"""The loop's watch over a queue: what an empty look costs, what is kept of it, and that nobody
looks or records without the lease."""

from datetime import timedelta

import httpx
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from monitoring import leases
from monitoring.models import Lease
from tests.factories import make_upstream
from tests.monitoring.test_leases import expire
from tests.usage.collector.test_run import Upstream, page_of, serve  # noqa: F401
from usage.collector.run import RunInProgress, collect
from usage.collector.watch import LONGEST_SILENCE, Watch
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db(transaction=True)
Trigger = CollectorRun.Trigger


@pytest.fixture
def transport(serve):  # noqa: F811
    return serve(Upstream())


@pytest.fixture
def watch(transport) -> Watch:
    """One that has looked for the first time."""
    watch = Watch(make_upstream())
    look(watch)
    return watch


def look(watch: Watch) -> int | None:
    """How much the look brought; None while somebody else collects."""
    return watch.look(Trigger.LOOP, lambda: False).popped if watch.begin() else None


def rows() -> list[tuple[str, int, int]]:
    return list(
        CollectorRun.objects.order_by("started_at").values_list("status", "looks", "popped")
    )


def test_empty_look_costs_one_statement(watch):
    with CaptureQueriesContext(connection) as queries:
        assert look(watch) == 0
    assert len(queries) == 1, [query["sql"] for query in queries]


def test_silence_is_one_row_from_its_first_look_to_its_last(watch):
    first = CollectorRun.objects.get()
    for _ in range(4):
        look(watch)
    watch.rest()
    last = CollectorRun.objects.get()
    assert rows() == [("succeeded", 5, 0)]
    assert last.started_at == first.started_at
    assert last.ended_at > first.ended_at


def test_events_end_the_silence_and_have_a_run_of_their_own(watch, transport):
    look(watch)
    transport.pages = [page_of(2)]
    assert look(watch) == 2
    look(watch)
    look(watch)
    watch.rest()
    assert rows() == [("succeeded", 2, 0), ("succeeded", 1, 2), ("succeeded", 2, 0)]


def test_failed_look_has_a_run_of_its_own(watch, transport):
    look(watch)
    transport.pages = [httpx.ConnectError("refused")]
    look(watch)
    look(watch)
    watch.rest()
    assert rows() == [("succeeded", 2, 0), ("failed", 1, 0), ("succeeded", 1, 0)]


def test_lease_is_kept_between_looks_and_free_while_the_watch_rests(watch):
    upstream = watch.upstream
    told = collect(upstream, Trigger.HTTP)
    assert isinstance(told, RunInProgress)
    assert told.holder == leases.holder_name()
    watch.rest()
    assert collect(upstream, Trigger.HTTP).status == "succeeded"
    assert look(watch) == 0


def test_resting_writes_down_the_look_before_in_one_statement(watch):
    look(watch)
    with CaptureQueriesContext(connection) as queries:
        watch.rest()
    assert len(queries) == 1
    assert rows() == [("succeeded", 2, 0)]
    assert Lease.objects.get().holder == ""


def test_silence_goes_on_after_a_rest(watch):
    watch.rest()
    look(watch)
    watch.rest()
    assert rows() == [("succeeded", 2, 0)]


def test_who_lost_the_lease_between_looks_neither_pops_nor_records(watch, transport):
    look(watch)
    leases.force_release(watch.upstream.collect_lease)
    successor = leases.acquire(watch.upstream.collect_lease, 30)
    pops = transport.pops
    assert look(watch) is None
    watch.rest()
    assert transport.pops == pops
    assert rows() == [("succeeded", 1, 0)]
    assert leases.renew(successor)


def test_lease_that_ran_out_is_taken_anew_under_a_larger_token(watch):
    expire(watch.upstream.collect_lease)
    assert look(watch) == 0
    assert Lease.objects.get().token == 2
    assert rows() == [("succeeded", 1, 0), ("succeeded", 1, 0)]


def test_silence_ends_where_another_collector_may_have_looked(watch):
    watch.rest()
    collect(watch.upstream, Trigger.COMMAND)
    look(watch)
    assert rows() == [("succeeded", 1, 0)] * 3


def test_silence_ends_where_events_may_have_expired_unseen(watch):
    """A process that was stopped while it rested."""
    watch.rest()
    watch._asked_at -= timedelta(minutes=2)
    look(watch)
    watch.rest()
    assert rows() == [("succeeded", 1, 0)] * 2


def test_long_silence_is_told_in_rows_of_an_hour(watch):
    watch._silence_began -= LONGEST_SILENCE
    look(watch)
    watch.rest()
    assert rows() == [("succeeded", 1, 0)] * 2


def test_upstream_is_read_anew_by_every_look(watch):
    type(watch.upstream).objects.update(is_enabled=False)
    assert watch.begin()
    assert not watch.upstream.is_enabled


def test_row_of_a_dead_process_is_called_abandoned_by_the_watch_that_follows(transport):
    upstream = make_upstream()
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="gone:1:0",
        token=1,
        started_at="2026-11-24T00:00:00Z",
    )
    look(Watch(upstream))
    assert rows() == [("abandoned", 1, 0), ("succeeded", 1, 0)]


def test_process_that_died_in_an_empty_look_is_told_by_its_lease(transport):
    upstream = make_upstream()
    leases.acquire(upstream.collect_lease, 30)
    Lease.objects.update(holder="gone:1:0")
    expire(upstream.collect_lease)
    look(Watch(upstream))
    assert rows() == [("abandoned", 0, 0), ("succeeded", 1, 0)]
    assert CollectorRun.objects.get(status="abandoned").holder == "gone:1:0"
