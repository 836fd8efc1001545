"""The loop's polls of a queue: what an empty one costs, what is kept of it, and that no process
polls or records without the lease."""

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from monitoring import leases
from monitoring.models import Lease
from tests.concurrency import times
from tests.factories import make_upstream
from tests.monitoring.test_leases import expire
from tests.usage.collector.test_run import Upstream, page_of, serve  # noqa: F401
from usage.collector.collect import RunInProgress, collect
from usage.collector.poller import LONGEST_IDLE_PERIOD, Poller
from usage.models import CollectorRun

pytestmark = pytest.mark.django_db(transaction=True)
Trigger = CollectorRun.Trigger


@pytest.fixture
def transport(serve):  # noqa: F811
    return serve(Upstream())


@pytest.fixture
def poller(transport) -> Poller:
    """One that has polled for the first time."""
    poller = Poller(make_upstream())
    poll(poller)
    return poller


def poll(poller: Poller) -> int | None:
    """How much was popped; None while another process collects."""
    return poller.poll(Trigger.LOOP, lambda: False).popped if poller.begin() else None


def rows() -> list[tuple[str, int, int]]:
    return list(
        CollectorRun.objects.order_by("started_at").values_list("status", "looks", "popped")
    )


def test_empty_poll_costs_one_statement(poller):
    with CaptureQueriesContext(connection) as queries:
        assert poll(poller) == 0
    assert len(queries) == 1, [query["sql"] for query in queries]


def test_idle_period_is_one_row_from_its_first_poll_to_its_last(poller):
    first = CollectorRun.objects.get()
    for _ in range(4):
        poll(poller)
    poller.rest()
    last = CollectorRun.objects.get()
    assert rows() == [("succeeded", 5, 0)]
    assert last.started_at == first.started_at
    assert last.ended_at > first.ended_at


def test_events_end_the_idle_period_and_have_a_run_of_their_own(poller, transport):
    poll(poller)
    transport.pages = [page_of(2)]
    assert poll(poller) == 2
    poll(poller)
    poll(poller)
    poller.rest()
    assert rows() == [("succeeded", 2, 0), ("succeeded", 1, 2), ("succeeded", 2, 0)]


def test_failed_poll_has_a_run_of_its_own(poller, transport):
    poll(poller)
    transport.pages = [httpx.ConnectError("refused")]
    poll(poller)
    poll(poller)
    poller.rest()
    assert rows() == [("succeeded", 2, 0), ("failed", 1, 0), ("succeeded", 1, 0)]


def test_lease_is_kept_between_polls_and_free_while_the_poller_rests(poller):
    upstream = poller.upstream
    outcome = collect(upstream, Trigger.HTTP)
    assert isinstance(outcome, RunInProgress)
    assert outcome.holder == leases.holder_name()
    poller.rest()
    assert collect(upstream, Trigger.HTTP).status == "succeeded"
    assert poll(poller) == 0


def test_resting_records_the_poll_before_in_one_statement(poller):
    poll(poller)
    with CaptureQueriesContext(connection) as queries:
        poller.rest()
    assert len(queries) == 1
    assert rows() == [("succeeded", 2, 0)]
    assert Lease.objects.get().holder == ""


def test_idle_period_continues_after_a_rest(poller):
    poller.rest()
    poll(poller)
    poller.rest()
    assert rows() == [("succeeded", 2, 0)]


def test_process_that_lost_the_lease_between_polls_neither_pops_nor_records(poller, transport):
    poll(poller)
    leases.force_release(poller.upstream.collect_lease)
    successor = leases.acquire(poller.upstream.collect_lease, 30)
    pops = transport.pops
    assert poll(poller) is None
    poller.rest()
    assert transport.pops == pops
    assert rows() == [("succeeded", 1, 0)]
    assert leases.renew(successor)


def test_lease_that_ran_out_is_taken_anew_under_a_larger_token(poller):
    expire(poller.upstream.collect_lease)
    assert poll(poller) == 0
    assert Lease.objects.get().token == 2
    assert rows() == [("succeeded", 1, 0), ("succeeded", 1, 0)]


def test_idle_period_ends_where_another_collector_may_have_polled(poller):
    poller.rest()
    collect(poller.upstream, Trigger.COMMAND)
    poll(poller)
    assert rows() == [("succeeded", 1, 0)] * 3


def test_idle_period_ends_where_events_may_have_expired_unseen(poller):
    """A process that was stopped while it rested."""
    poller.rest()
    poller._polled_at -= timedelta(minutes=2)
    poll(poller)
    poller.rest()
    assert rows() == [("succeeded", 1, 0)] * 2


def test_long_idle_period_is_recorded_in_rows_of_an_hour(poller):
    poller._idle_since -= LONGEST_IDLE_PERIOD
    poll(poller)
    poller.rest()
    assert rows() == [("succeeded", 1, 0)] * 2


def test_upstream_is_read_anew_by_every_poll(poller):
    type(poller.upstream).objects.update(is_enabled=False)
    assert poller.begin()
    assert not poller.upstream.is_enabled


def test_row_of_a_dead_process_is_called_abandoned_by_the_poller_that_follows(transport):
    upstream = make_upstream()
    CollectorRun.objects.create(
        upstream=upstream,
        trigger="loop",
        holder="gone:1:0",
        token=1,
        started_at="2026-11-24T00:00:00Z",
    )
    poll(Poller(upstream))
    assert rows() == [("abandoned", 1, 0), ("succeeded", 1, 0)]


def test_process_that_died_in_an_empty_poll_is_known_by_its_lease(transport):
    upstream = make_upstream()
    leases.acquire(upstream.collect_lease, 30)
    Lease.objects.update(holder="gone:1:0")
    expire(upstream.collect_lease)
    poll(Poller(upstream))
    assert rows() == [("abandoned", 0, 0), ("succeeded", 1, 0)]
    assert CollectorRun.objects.get(status="abandoned").holder == "gone:1:0"


def leave_a_dead_holder(upstream, holder: str) -> None:
    Lease.objects.filter(name=upstream.collect_lease).update(holder=holder)
    expire(upstream.collect_lease)


def test_death_is_recorded_once_however_many_polls_find_something_after_it(transport):
    upstream = make_upstream()
    leases.acquire(upstream.collect_lease, 30)
    leave_a_dead_holder(upstream, "gone:1:0")
    successor = Poller(upstream)
    for _ in range(6):
        transport.pages = [page_of(1)]
        assert poll(successor) == 1
    assert [status for status, _, _ in rows()] == ["abandoned"] + ["succeeded"] * 6


def test_death_is_recorded_although_the_successor_dies_before_its_own_first_row(transport):
    upstream = make_upstream()
    leases.acquire(upstream.collect_lease, 30)
    leave_a_dead_holder(upstream, "gone:1:0")
    assert Poller(upstream).begin()
    leave_a_dead_holder(upstream, "gone:2:0")
    poll(Poller(upstream))
    dead = CollectorRun.objects.filter(status="abandoned").order_by("holder")
    assert [run.holder for run in dead] == ["gone:1:0", "gone:2:0"]


def test_run_whose_end_the_database_did_not_take_ends_with_the_next_poll(
    poller, transport, monkeypatch
):
    transport.pages = [page_of(1)]

    def refuse(*_: object) -> None:
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr("usage.collector.poller.record_end", refuse)
        with pytest.raises(OperationalError):
            poll(poller)
    assert [status for status, _, _ in rows()] == ["succeeded", "running"]
    poll(poller)
    assert [status for status, _, _ in rows()] == ["succeeded", "abandoned", "succeeded"]


def held_for(upstream) -> UUID | None:
    told = collect(upstream, Trigger.HTTP)
    assert isinstance(told, RunInProgress)
    return told.run_id


def test_caller_is_given_the_run_that_the_loop_is_at(poller, transport):
    """The row of the idle period, and of a poll that finds something its own."""
    upstream, first = poller.upstream, CollectorRun.objects.get()
    poll(poller)
    assert held_for(upstream) == first.id
    seen = []

    def page() -> Iterator[bytes]:
        seen.append(held_for(upstream))
        yield page_of(1)

    for _ in range(2):
        transport.pages = [httpx.Response(200, content=page())]
        assert poll(poller) == 1
    newest = CollectorRun.objects.order_by("-started_at").first()
    # In the first of both polls, nothing was known yet but the idle period.
    assert seen == [first.id, newest.id]
    assert held_for(upstream) == newest.id
    poll(poller)
    idle = held_for(upstream)
    poller.rest()
    assert CollectorRun.objects.get(pk=idle).looks == 1


def test_every_one_of_a_thousand_triggers_names_its_run(transport):
    """From 16 sources at once: the lease is never visible without its run."""
    upstream = make_upstream()

    def trigger(_: int) -> list[CollectorRun | RunInProgress]:
        return [collect(upstream, Trigger.HTTP) for _ in range(63)]

    outcomes = [outcome for some in times(16, trigger) for outcome in some]
    named = {outcome.run_id for outcome in outcomes if isinstance(outcome, RunInProgress)}
    assert len(outcomes) >= 1000
    assert None not in named
    assert named
    assert named <= set(CollectorRun.objects.values_list("pk", flat=True))
