"""Push mode against a simulated upstream: nothing lost or doubled by subscribing, leaving, being
cut off, or losing the database."""

import json
import threading
from collections.abc import Callable

import pytest
from django.db import OperationalError, connection

from management_proxy.models import Access, CollectionMode, Upstream
from management_proxy.simulator import running_simulator
from monitoring import leases
from tests.factories import give_key, make_upstream
from tests.processes import eventually
from usage.collector import push, spool
from usage.collector.poller import Poller
from usage.collector.push import Fallback, page_of, stream
from usage.collector.runs import Ending
from usage.models import CollectorRun, DeadLetter, UsageEvent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def simulator():
    with running_simulator(statistics=True, retention=3600) as simulator:
        yield simulator


@pytest.fixture
def upstream(simulator):
    upstream = make_upstream(
        management_url=simulator.management_url, collection_mode=CollectionMode.PUSH
    )
    give_key(upstream, simulator.key)
    upstream.save()
    return upstream


def stored() -> int:
    return UsageEvent.objects.count()


class Pushed:
    """A session in a thread of its own."""

    def __init__(self, upstream: Upstream) -> None:
        self._stop = threading.Event()
        self.outcome: Ending | BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(upstream,))
        self._thread.start()

    def _run(self, upstream: Upstream) -> None:
        try:
            poller = Poller(upstream)
            assert poller.begin()
            self.outcome = stream(poller, self._stop.is_set).ending
            poller.rest()
        except BaseException as error:
            self.outcome = error
        finally:
            connection.close()

    def end(self) -> Ending | BaseException | None:
        self._thread.join(60)
        return self.outcome

    def stop(self) -> Ending | BaseException | None:
        self._stop.set()
        return self.end()


def subscribed(simulator) -> Callable[[], bool]:
    return lambda: simulator.control("state")["subscribers"] == 1


def test_what_was_queued_before_and_what_is_pushed_after_is_stored_once(simulator, upstream):
    simulator.app.generate(70, 0.0, None)
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    for _ in range(5):
        simulator.app.generate(40, 0.0, None)
        eventually(lambda: stored() % 10 == 0)
    eventually(lambda: stored() == 270)
    assert session.stop().status == "succeeded"
    assert sum(CollectorRun.objects.values_list("stored", flat=True)) == 270
    assert list(spool.directory_of(upstream.pk).iterdir()) == []
    assert not subscribed(simulator)()


def test_events_after_leaving_wait_in_the_queue(simulator, upstream):
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    session.stop()
    eventually(lambda: not subscribed(simulator)())
    simulator.app.generate(9, 0.0, None)
    assert len(simulator.app.state.queue) == 9


def test_being_cut_off_ends_the_session_and_stores_what_came(simulator, upstream, monkeypatch):
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    simulator.app.generate(2000, 0.0, None)
    run = session.end()
    assert (run.status, run.failure_class) == ("failed", "connection")
    assert "ended the subscription" in run.error
    queued = len(simulator.app.state.queue)
    # What was cut off is one message; all others were buffered for us, or queued again.
    eventually(lambda: stored() + queued >= 1999)
    assert list(spool.directory_of(upstream.pk).iterdir()) == []


def test_database_outage_loses_nothing_of_what_is_pushed_meanwhile(
    simulator, upstream, monkeypatch
):
    monkeypatch.setattr(push, "DATABASE_RETRY_SECONDS", 0.05)
    is_away = threading.Event()
    original = push.ingest

    def ingest(*arguments):
        if is_away.is_set():
            raise OperationalError("server closed the connection unexpectedly")
        return original(*arguments)

    monkeypatch.setattr(push, "ingest", ingest)
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    is_away.set()
    for _ in range(5):
        simulator.app.generate(30, 0.0, None)
    eventually(lambda: any(spool.directory_of(upstream.pk).glob("*.page")))
    assert stored() == 0
    is_away.clear()
    eventually(lambda: stored() == 150)
    assert session.stop().status == "succeeded"


def test_full_spool_ends_the_subscription_and_stores_the_batch_in_hand(
    simulator, upstream, monkeypatch
):
    session = Pushed(upstream)
    eventually(subscribed(simulator))

    def full(*arguments):
        raise spool.SpoolError("cannot make a spool file: No space left on device")

    monkeypatch.setattr(spool, "new_file", full)
    simulator.app.generate(20, 0.0, None)
    run = session.end()
    assert run.status == "failed"
    assert "No space left" in run.error
    assert stored() == 20


def test_lost_lease_ends_the_session(simulator, upstream):
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    leases.force_release(upstream.collect_lease)
    successor = leases.acquire(upstream.collect_lease, 60)
    simulator.app.generate(5, 0.0, None)
    outcome = session.end()
    assert outcome.status == "lease_lost"
    assert leases.renew(successor)
    assert not subscribed(simulator)()


def test_second_session_is_told_that_one_goes_on(simulator, upstream):
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    assert not Poller(upstream).begin()
    session.stop()


def test_rejected_key_is_tried_once_and_stops_everybody(simulator, upstream):
    upstream.store_key("a-wrong-key")
    upstream.save()
    for _ in range(3):
        assert Pushed(upstream).end().failure_class == "auth"
    assert simulator.control("state")["failed_logins"] == 1
    upstream.refresh_from_db()
    assert upstream.access == Access.KEY_REJECTED


def test_changed_mode_ends_the_session(simulator, upstream, monkeypatch):
    monkeypatch.setattr(push, "RUN_SECONDS", 0.2)
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    Upstream.objects.update(collection_mode=CollectionMode.PULL)
    assert session.end().status == "succeeded"


def test_message_that_is_no_json_costs_only_itself(upstream):
    page = page_of([b'{"a":1}', b"not json", b'{"b":2}'])
    assert json.loads(page) == [{"a": 1}, "not json", {"b": 2}]


def test_bad_message_becomes_a_dead_letter_beside_its_neighbours(simulator, upstream):
    session = Pushed(upstream)
    eventually(subscribed(simulator))
    simulator.app.state.queue.publish("usage", b"not json")
    simulator.app.generate(3, 0.0, None)
    eventually(lambda: stored() == 3 and DeadLetter.objects.count() == 1)
    session.stop()


def test_subscriptions_that_end_soon_are_tried_less_and_less_often(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("usage.collector.push.time.monotonic", lambda: now[0])
    fallback = Fallback()
    pauses = []
    for _ in range(10):
        fallback.note_end(1.0, failed=True)
        start = now[0]
        while fallback.pulls:
            now[0] += 1
        pauses.append(now[0] - start)
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, Fallback.LONGEST_SECONDS)
    fallback.note_end(3600.0, failed=False)
    assert not fallback.pulls
