"""The reference dataset: the same by the fast path as by the real ingest, deterministic, kept apart
from real events."""

from collections import Counter
from datetime import UTC, datetime
from io import StringIO
from itertools import pairwise

import pytest
from django.core.management import CommandError, call_command

from tests.factories import make_event, make_upstream, store
from usage.models import UsageEvent, UsageSeries
from usage.reference.dataset import EVENTS, SEED, samples
from usage.reference.instants import Shape, hourly_counts
from usage.reference.seeding import seed, seeded_upstream
from usage.rollups.tables import GRANULARITIES

UNTIL = datetime(2026, 11, 20, tzinfo=UTC)
SHAPE = Shape(3000, 40, SEED, UNTIL)


def stored_rows() -> list[list[tuple]]:
    from django.db import connection

    columns = [f.column for f in UsageEvent._meta.concrete_fields if f.column != "id"]
    events = sorted(UsageEvent.objects.values_list(*columns), key=str)
    with connection.cursor() as cursor:
        rollups = []
        for granularity in GRANULARITIES:
            cursor.execute(
                f"SELECT * FROM {granularity.table} ORDER BY {', '.join(granularity.key)}"
            )
            rollups.append(cursor.fetchall())
            cursor.execute(f"DELETE FROM {granularity.table}")
        cursor.execute("DELETE FROM usage_event")
    return [events, *rollups]


@pytest.mark.django_db
def test_the_fast_path_stores_what_the_real_ingest_would():
    upstream = seeded_upstream()
    assert seed(SHAPE, upstream) == SHAPE.events
    seeded = stored_rows()
    elements = [{**s.combination.fields(), **s.fields()} for s in samples(SHAPE)]
    for start in range(0, len(elements), 1000):
        store(upstream, *elements[start : start + 1000])
    assert seeded == stored_rows()
    assert all(seeded)


@pytest.mark.django_db
def test_a_seeding_that_was_stopped_is_completed_by_another():
    upstream = seeded_upstream()
    seed(SHAPE, upstream)
    UsageEvent.objects.filter(timestamp__gte=datetime(2026, 11, 10, tzinfo=UTC)).delete()
    left = UsageEvent.objects.count()
    assert 0 < left < SHAPE.events
    assert seed(SHAPE, upstream) == SHAPE.events - left
    assert UsageEvent.objects.count() == SHAPE.events


def test_its_distributions_are_those_of_the_field():
    counts = list(hourly_counts(Shape(EVENTS, 90, SEED, UNTIL)))
    assert sum(n for _, n in counts) == EVENTS
    assert sum(n for _, n in counts[-30 * 24 :]) == 1_226_326
    events = list(samples(Shape(50_000, 90, SEED, UNTIL)))
    for dimension, distinct in (("key", 50), ("model", 50), ("credential", 500)):
        assert len({getattr(e.combination, dimension) for e in events}) == distinct
    by_key = Counter(e.combination.key for e in events)
    tiers = [
        sum(by_key[k] for k in keys) / len(events)
        for keys in (range(15), range(15, 40), range(40, 50))
    ]
    assert tiers == pytest.approx([0.6401, 0.3176, 0.0423], abs=0.01)
    assert sum(e.combination.failure is not None for e in events) / len(events) == pytest.approx(
        0.01, abs=0.002
    )
    assert all(earlier.at < later.at for earlier, later in pairwise(events))
    assert all(
        e.reasoning <= e.output
        and e.cache_read + e.cache_write <= e.input
        and 50 <= e.ttft_ms < 50 + min(e.latency_ms, 8000)
        for e in events
    )


def test_the_same_shape_gives_the_same_events():
    assert list(samples(SHAPE)) == list(samples(SHAPE))
    assert next(samples(SHAPE)) != next(samples(Shape(3000, 40, SEED + 1, UNTIL)))


@pytest.mark.django_db
def test_command_refuses_to_mix_with_real_events_unless_told():
    real = make_upstream(name="real")
    store(real, make_event())
    with pytest.raises(CommandError, match="'real' has real events"):
        call_command("seed_usage", events=10, days=1)
    with pytest.raises(CommandError, match="'real' is a real one"):
        call_command("seed_usage", events=10, days=1, into="real")
    call_command(
        "seed_usage", events=10, days=1, into="made-up", stdout=StringIO(), stderr=StringIO()
    )
    upstream = UsageSeries.objects.exclude(upstream=real).first().upstream
    assert (upstream.name, upstream.is_simulated, upstream.is_enabled) == ("made-up", True, False)
    assert UsageEvent.objects.count() == 11


@pytest.mark.parametrize(
    "argument",
    ["--events=0", "--events=many", "--days=0", "--until=yesterday", "--until=2999-01-01"],
)
def test_command_refuses_senseless_arguments(argument):
    with pytest.raises(CommandError, match="expected"):
        call_command("seed_usage", argument)
