"""Counters in the database: every process adds, nothing is counted twice or lost by an outage."""

import pytest
from django.db import DatabaseError

from monitoring.metrics import shared
from monitoring.metrics.registry import exposition
from monitoring.models import CounterTotal

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_pending(monkeypatch):
    monkeypatch.setattr(shared, "_metrics", list(shared._metrics))
    shared._pending.clear()
    yield
    shared._pending.clear()


def lines(name: str) -> list[str]:
    return [line for line in exposition().decode().splitlines() if line.startswith(name)]


def test_flushes_add_up():
    counter = shared.SharedCounter("test_pops", "x", ["upstream"])
    for _ in range(2):
        counter.inc("east", by=3)
        shared.flush()
        shared.flush()
    counter.inc("west")
    shared.flush()
    assert lines("test_pops_total") == [
        'test_pops_total{upstream="east"} 6.0',
        'test_pops_total{upstream="west"} 1.0',
    ]


def test_histogram_is_cumulative():
    histogram = shared.SharedHistogram("test_wait_seconds", "x", ["upstream"], (1, 5))
    for value in (0.5, 1, 3, 9):
        histogram.observe("east", value=value)
    shared.flush()
    assert lines("test_wait_seconds") == [
        'test_wait_seconds_bucket{le="1.0",upstream="east"} 2.0',
        'test_wait_seconds_bucket{le="5.0",upstream="east"} 3.0',
        'test_wait_seconds_bucket{le="+Inf",upstream="east"} 4.0',
        'test_wait_seconds_count{upstream="east"} 4.0',
        'test_wait_seconds_sum{upstream="east"} 13.5',
    ]


def test_what_an_outage_kept_out_is_added_later(monkeypatch):
    counter = shared.SharedCounter("test_pops", "x", [])
    counter.inc()
    with monkeypatch.context() as outage:

        def gone(*_: object) -> None:
            raise DatabaseError("gone")

        outage.setattr(shared.connection, "cursor", gone)
        with pytest.raises(DatabaseError):
            shared.flush()
    counter.inc()
    shared.flush()
    assert CounterTotal.objects.get(metric="test_pops").value == 2


def test_series_are_bounded(monkeypatch):
    monkeypatch.setattr(shared, "MOST_SERIES", 3)
    counter = shared.SharedCounter("test_pops", "x", ["name"])
    for number in range(10):
        counter.inc(str(number))
    shared.flush()
    assert CounterTotal.objects.filter(metric="test_pops").count() == 3
