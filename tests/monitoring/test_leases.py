"""Leases across connections and processes."""

import multiprocessing
import threading
import time

import pytest
from django.db import connection, transaction

from monitoring import leases
from monitoring.models import Lease
from tests.concurrency import times
from tests.processes import eventually

pytestmark = pytest.mark.django_db(transaction=True)
TTL = 0.5
# Of a lease that is renewed: on a busy machine a thread may have to wait for a second.
LONG_TTL = 3.0
TTLS = {"acquire_briefly": TTL, "acquire_to_renew": LONG_TTL}


def expire(name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE monitoring_lease SET expires_at = clock_timestamp() - interval '1 second' WHERE"
            " name = %s",
            [name],
        )


@pytest.mark.parametrize("attempt", range(5))
def test_one_of_many_wins_also_the_very_first_time(attempt):
    terms = times(12, lambda _: leases.acquire(f"collect:{attempt}", 30))
    won = [term for term in terms if term]
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


def test_lease_that_is_released_while_another_waits_for_its_row_is_not_taken_from_a_dead_holder():
    term = leases.acquire("x", 30)
    taken = []

    def wait_and_take() -> None:
        while not (taken_now := leases.acquire("x", 30)):
            continue
        taken.append(taken_now)
        connection.close()

    waiting = threading.Thread(target=wait_and_take)
    with transaction.atomic():
        assert leases.release(term)
        waiting.start()
        eventually(lambda: some_backend_waits_for_a_lock())
    waiting.join()
    assert taken[0].taken_from == ""


def some_backend_waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def test_dead_holder_is_named_to_its_successor_alone():
    leases.acquire("x", 30)
    expire("x")
    assert leases.acquire("x", 30).taken_from == leases.holder_name()
    leases.force_release("x")
    assert leases.acquire("x", 30).taken_from == ""


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
    term = leases.acquire("x", LONG_TTL)
    with leases.heartbeat(term):
        deadline = time.monotonic() + 1.2 * LONG_TTL
        while time.monotonic() < deadline:
            assert leases.acquire("x", 30) is None
            time.sleep(0.05)
        assert term.is_trusted


def test_heartbeat_notices_that_the_lease_was_taken_away():
    term = leases.acquire("x", 0.6)
    with leases.heartbeat(term):
        leases.force_release("x")
        deadline = time.monotonic() + 30
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


class Holder:
    """A process of its own that does what it is ordered to with one lease."""

    def __init__(self, name: str) -> None:
        database = connection.settings_dict["NAME"]
        connection.close()
        context = multiprocessing.get_context("fork")
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_obey, args=(theirs, name, database), daemon=True)
        self.process.start()

    def order(self, word: str) -> None:
        self._pipe.send(word)

    def result(self):
        assert self._pipe.poll(30)
        return self._pipe.recv()

    def __getattr__(self, word: str):
        def request():
            self.order(word)
            return self.result()

        return request


def _obey(pipe, name: str, database: str) -> None:
    connection.settings_dict["NAME"] = database
    term = None
    while (word := pipe.recv()) != "end":
        if word.startswith("acquire"):
            term = leases.acquire(name, TTLS.get(word, 30))
            pipe.send(term.token if term else None)
        elif word == "write_state":
            with transaction.atomic():
                pipe.send(leases.fence(term))
        else:
            pipe.send(getattr(leases, word)(term))
    connection.close()


@pytest.fixture
def holders():
    """As many processes as requested, all about the lease `x`."""
    started: list[Holder] = []
    yield lambda count: started.extend(Holder("x") for _ in range(count)) or started
    for holder in started:
        if holder.process.is_alive():
            holder.order("end")
        holder.process.join()


def test_one_winner_among_processes(holders):
    for holder in holders(6):
        holder.order("acquire")
    assert [token for holder in holders(0) if (token := holder.result())] == [1]


def test_process_waits_until_the_lease_of_a_dead_one_expires_and_takes_a_larger_token(holders):
    dead, waiting = holders(2)
    assert dead.acquire_briefly() == 1
    dead.process.kill()
    dead.process.join()
    assert waiting.acquire() is None
    eventually(lambda: waiting.acquire() == 2)


def test_old_process_can_neither_renew_nor_release_nor_write_state(holders):
    old, new = holders(2)
    old.acquire()
    expire("x")
    assert new.acquire() == 2
    assert not old.renew()
    assert not old.release()
    assert not old.write_state()
    assert new.write_state()
    assert new.renew()


def test_process_that_renews_keeps_the_lease_beyond_its_time(holders):
    holder, other = holders(2)
    holder.acquire_to_renew()
    ends = time.monotonic() + 1.2 * LONG_TTL
    while time.monotonic() < ends:
        assert holder.renew()
        assert other.acquire() is None
        time.sleep(0.05)


def test_release_by_a_process_frees_the_lease_for_another_at_once(holders):
    first, second = holders(2)
    first.acquire()
    assert first.write_state()
    assert first.release()
    assert not first.release()
    assert second.acquire() == 2


def test_forced_release_fences_a_process_off(holders):
    (holder,) = holders(1)
    holder.acquire()
    assert leases.force_release("x")
    assert not holder.renew()
    assert not holder.write_state()
    assert not holder.release()
