"""The collector's rhythm."""

import pytest

from usage.collector.cadence import (
    LONGEST_BACKOFF_SECONDS,
    LONGEST_IDLE_SECONDS,
    PATIENCE,
    Cadence,
    longest_wait,
)


def test_full_page_is_followed_at_once():
    assert Cadence(2.0).after_success(1000, more_waiting=True) == 0.0


def test_idle_queue_is_looked_at_less_and_less_often_up_to_a_bound():
    cadence = Cadence(2.0, retention_seconds=3600)
    waits = [cadence.after_success(0, more_waiting=False) for _ in range(PATIENCE + 20)]
    assert all(1.8 <= wait <= 2.0 for wait in waits[:PATIENCE])
    assert LONGEST_IDLE_SECONDS * 0.9 <= waits[-1] <= LONGEST_IDLE_SECONDS


def test_one_event_ends_the_idling():
    cadence = Cadence(2.0, retention_seconds=3600)
    for _ in range(PATIENCE + 20):
        cadence.after_success(0, more_waiting=False)
    assert cadence.after_success(1, more_waiting=False) <= 2.0


def test_failures_back_off_and_a_success_forgives():
    cadence = Cadence(2.0, retention_seconds=3600)
    waits = [cadence.after_failure() for _ in range(12)]
    assert max(waits) <= LONGEST_BACKOFF_SECONDS
    assert waits[-1] >= LONGEST_BACKOFF_SECONDS / 2
    assert cadence.after_success(0, more_waiting=False) <= 2.0


@pytest.mark.parametrize("retention", [None, 3, 60, 3600])
def test_no_wait_is_longer_than_a_third_of_the_retention(retention):
    cadence = Cadence(45.0, retention)
    waits = (
        [cadence.after_success(0, more_waiting=False) for _ in range(40)]
        + [cadence.after_failure() for _ in range(12)]
        + [cadence.while_another_collects()]
    )
    assert max(waits) <= longest_wait(retention) == (retention or 60) / 3
