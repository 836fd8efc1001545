"""Leases across connections and processes."""

import multiprocessing
import threading
import time

import pytest
from django.db import connection, transaction

from monitoring import leases
from monitoring.models import Lease

pytestmark = pytest.mark.django_db(transaction=True)


def expire(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE monitoring_lease SET expires_at = clock_timestamp() - interval '1 second' WHERE name = %s", [name])


def in_threads(count, work):
    barrier, results = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait()
            results.append(work())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.parametrize("attempt", range(5))
def test_one_of_many_wins_also_the_very_first_time(attempt):
    won = [term for term in in_threads(12, lambda: leases.acquire(f"collect:{attempt}", 30)) if term]
    assert len(won) == 1


def test_holder_renews():
    term = leases.acquire("x", 30)
    before = Lease.objects.get().expires_at
    assert leases.renew(term)
    assert Lease.objects.get().expires_at > before


def test_another_waits_until_expiry_and_takes_a_larger_token():
    first = leases.acquire("x", 30)
    assert leases.acquire("x", 30) is None
    expire("x")
    second = leases.acquire("x", 30)
    assert second.token == first.token + 1


def test_old_holder_can_neither_renew_nor_release_nor_write_state():
    old = leases.acquire("x", 30)
    expire("x")
    new = leases.acquire("x", 30)
    assert not leases.renew(old)
    assert not leases.release(old)
    with transaction.atomic():
        assert not leases.fence(old)
        assert leases.fence(new)


def test_expired_but_untaken_lease_is_lost_too():
    term = leases.acquire("x", 30)
    expire("x")
    assert not leases.renew(term)
    assert not term.is_trusted


def test_release_frees_at_once_and_the_token_goes_on_growing():
    first = leases.acquire("x", 30)
    assert leases.release(first)
    assert leases.acquire("x", 30).token == first.token + 1


def test_forced_release_fences_the_holder_off():
    term = leases.acquire("x", 30)
    assert leases.force_release("x")
    assert not leases.force_release("x")
    assert not leases.renew(term)
    with transaction.atomic():
        assert not leases.fence(term)


def test_heartbeat_outlives_the_ttl():
    term = leases.acquire("x", 0.6)
    with leases.heartbeat(term):
        deadline = time.monotonic() + 1.5
        while time.monotonic() < deadline:
            assert leases.acquire("x", 30) is None
            time.sleep(0.05)
        assert term.is_trusted


def test_heartbeat_notices_that_the_lease_was_taken_away():
    term = leases.acquire("x", 0.6)
    with leases.heartbeat(term):
        leases.force_release("x")
        deadline = time.monotonic() + 5
        while term.is_trusted and time.monotonic() < deadline:
            time.sleep(0.02)
    assert not term.is_trusted


def test_fence_holds_the_lease_still_until_the_transaction_ends():
    term = leases.acquire("x", 30)
    released = threading.Event()

    def release() -> None:
        leases.force_release("x")
        released.set()
        connection.close()

    with transaction.atomic():
        assert leases.fence(term)
        thread = threading.Thread(target=release)
        thread.start()
        assert not released.wait(0.3)
    thread.join()
    assert released.is_set()


def _acquire_in_process(database: str, queue) -> None:
    from django.conf import settings

    settings.DATABASES["default"]["NAME"] = database
    connection.close()
    connection.settings_dict["NAME"] = database
    term = leases.acquire("processes", 30)
    queue.put(term.token if term else None)
    connection.close()


def test_one_winner_among_processes():
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    name = connection.settings_dict["NAME"]
    connection.close()
    processes = [context.Process(target=_acquire_in_process, args=(name, queue)) for _ in range(6)]
    for process in processes:
        process.start()
    tokens = [queue.get(timeout=30) for _ in processes]
    for process in processes:
        process.join()
    assert [token for token in tokens if token] == [1]
