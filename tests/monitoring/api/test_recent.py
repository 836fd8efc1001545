"""Results that are shared for some seconds: read once, by one thread, and anew when old."""

import threading

import pytest

from monitoring.api import recent
from monitoring.api.recent import Recent


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(recent, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def reads():
    return []


@pytest.fixture
def shared(reads):
    def read(*about):
        reads.append(about)
        return len(reads)

    return Recent(read, 5.0)


def test_it_is_read_anew_when_it_is_old(clock, shared):
    assert shared() == 1
    clock[0] += 4.9
    assert shared.with_age() == (1, pytest.approx(4.9))
    clock[0] += 0.2
    assert shared.with_age() == (2, 0.0)


def test_each_argument_has_its_own_and_old_ones_are_dropped(clock, shared, reads):
    assert (shared("en"), shared("de"), shared("en")) == (1, 2, 1)
    clock[0] += 6
    assert shared("de") == 3
    assert reads == [("en",), ("de",), ("de",)]
    assert list(shared._readings) == [("de",)]


def test_what_fails_is_not_kept(clock, reads):
    def read():
        reads.append(1)
        if len(reads) == 1:
            raise ZeroDivisionError
        return "well"

    shared = Recent(read, 5.0)
    with pytest.raises(ZeroDivisionError):
        shared()
    assert shared() == "well"


def test_forgotten_is_read_anew(shared):
    shared()
    shared.forget()
    assert shared() == 2


def test_threads_at_once_read_once(reads):
    gate = threading.Event()

    def read():
        reads.append(1)
        gate.wait(10)
        return "found"

    shared, found = Recent(read, 60.0), []
    threads = [threading.Thread(target=lambda: found.append(shared())) for _ in range(4)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join()
    assert (found, reads) == (["found"] * 4, [1])
