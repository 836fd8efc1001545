"""Rollups recomputed from the events, and compared with them."""

import random
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from tests.factories import make_event, make_upstream, store
from tests.usage.api.test_history import random_events
from usage.models import PrunedMonth, RollupCalendar
from usage.rollups.tables import GRANULARITIES, Granularity
from usage.upkeep.rebuild import EventsPruned, differences, rebuild

pytestmark = pytest.mark.django_db
FIRST, LAST = datetime(2026, 10, 18, tzinfo=UTC), datetime(2026, 11, 9, tzinfo=UTC)


def rows_of(granularity: Granularity) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {granularity.table} ORDER BY {', '.join(granularity.key)}")
        return cursor.fetchall()


@pytest.fixture(params=["UTC", "Asia/Kolkata", "Europe/Berlin"])
def filled(request) -> None:
    """Three pages whose rollups were added to again and again, in calendars whose days begin within
    hours and outside."""
    RollupCalendar.objects.update_or_create(pk=1, defaults={"zone": request.param})
    upstream = make_upstream()
    for seed in range(3):
        store(upstream, *random_events(seed, 60))


def test_rebuild_changes_nothing_that_was_right(filled):
    before = [rows_of(granularity) for granularity in GRANULARITIES]
    assert all(before)
    assert differences(FIRST, LAST) == []
    rebuild(FIRST, LAST)
    assert [rows_of(granularity) for granularity in GRANULARITIES] == before


@pytest.mark.parametrize(
    "damage",
    [
        "DELETE FROM {}",
        "UPDATE {} SET total_tokens = total_tokens + 1",
        "UPDATE {} SET latency_counts = '{{7}}', latency_bins = '{{1}}'",
    ],
)
def test_damage_of_any_rollup_is_found_and_fixed(damage):
    store(make_upstream(), make_event(timestamp="2026-10-20T10:20:30Z"))
    hour = datetime(2026, 10, 20, 10, tzinfo=UTC), datetime(2026, 10, 20, 11, tzinfo=UTC)
    for granularity in GRANULARITIES:
        before = rows_of(granularity)
        with connection.cursor() as cursor:
            cursor.execute(damage.format(granularity.table))
        assert [difference.table for difference in differences(*hour)] == [granularity.table]
        rebuild(*hour)
        assert rows_of(granularity) == before


def test_many_pages_add_up_to_what_one_rebuild_says():
    """Every way of merging histograms: an empty one, one bin that is known or new at either end,
    many."""
    upstream, chance = make_upstream(), random.Random(5)
    for _ in range(40):
        latencies = [
            chance.choice([0, 1, 2, 50, 51, 900, 10**6]) for _ in range(chance.choice([1, 1, 1, 4]))
        ]
        store(
            upstream,
            *(
                make_event(timestamp="2026-10-20T10:20:30Z", latency_ms=latency)
                for latency in latencies
            ),
        )
    assert differences(datetime(2026, 10, 20, tzinfo=UTC), datetime(2026, 10, 21, tzinfo=UTC)) == []


def test_range_whose_events_were_pruned_is_refused_and_kept(filled):
    PrunedMonth.objects.create(
        month=datetime(2026, 10, 1, tzinfo=UTC).date(), events=5, pruned_at=LAST
    )
    before = [rows_of(granularity) for granularity in GRANULARITIES]
    with pytest.raises(EventsPruned, match="2026-11-02"):
        rebuild(FIRST, LAST)
    assert [rows_of(granularity) for granularity in GRANULARITIES] == before
    rebuild(datetime(2026, 11, 2, 6, tzinfo=UTC), LAST)
