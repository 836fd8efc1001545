"""Any query returns what plain SQL over the events returns; `make prove-history` runs a
million."""

import random
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.usage.random_queries import FIRST, LAST, ZONES, check_at_random, fill
from usage.history.windows import Bucket, Period, WeekHour, Window

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("seed", range(3))
def test_random_queries_return_what_the_events_add_up_to(seed):
    known = fill(seed)

    # Numbers instead of drawn parts: Hypothesis likes the first of every choice too much.
    @settings(
        max_examples=120,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.integers(0, 2**64))
    def check(number):
        check_at_random(random.Random(number).choice, known)

    check()


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("bucket", Bucket)
def test_buckets_are_those_that_the_database_would_make(zone, bucket):
    chance = random.Random(f"{zone} {bucket}")
    period = Period(FIRST, LAST, ZoneInfo(zone))
    buckets = list(bucket.cut(period))
    assert (buckets[0].start, buckets[-1].end) == (FIRST, LAST)
    assert all(one.end == following.start for one, following in pairwise(buckets))
    inside = [b.start + (b.end - b.start) * chance.random() for b in buckets]
    edges = [b.start for b in buckets] + [b.end - timedelta(microseconds=1) for b in buckets]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc(%s, instant AT TIME ZONE %s) FROM unnest(%s::timestamptz[]) AS"
            " instant",
            [bucket.value, zone, edges + inside],
        )
        labels = [row[0] for row in cursor.fetchall()]
    count = len(buckets)
    # Every instant of a bucket has one label, and only an hour in which clocks are turned back may
    # share it.
    assert labels[:count] == labels[count : 2 * count] == labels[2 * count :]
    assert count - len(set(labels[:count])) <= (2 if bucket is Bucket.HOUR else 0)


def test_an_hour_in_which_clocks_change_within_is_cut_there():
    # Lord Howe turned its clocks forward by half an hour at 2026-10-03T15:30Z, from 02:00 to 02:30.
    period = Period(
        datetime(2026, 10, 3, 14, 30, tzinfo=UTC),
        datetime(2026, 10, 3, 17, tzinfo=UTC),
        ZoneInfo("Australia/Lord_Howe"),
    )
    assert [b.end.strftime("%H:%M") for b in Bucket.HOUR.cut(period)] == ["15:30", "16:00", "17:00"]


def test_an_hour_of_the_week_is_where_clocks_show_it():
    berlin = ZoneInfo("Europe/Berlin")
    spring = Window(date(2026, 3, 22), date(2026, 3, 29), berlin)
    autumn = Window(date(2026, 10, 18), date(2026, 10, 25), berlin)
    assert [hour.start.isoformat()[:13] for hour in WeekHour(7, 2).within(spring)] == [
        "2026-03-22T01"
    ]
    assert [hour.start.isoformat()[:13] for hour in WeekHour(7, 2).within(autumn)] == [
        "2026-10-18T00",
        "2026-10-25T00",
        "2026-10-25T01",
    ]
    assert WeekHour.parse("7-2") == WeekHour(7, 2)


def test_the_previous_period_has_as_many_days_or_is_as_long():
    berlin = ZoneInfo("Europe/Berlin")
    week = Period.of_days(datetime(2026, 10, 26).date(), datetime(2026, 11, 1).date(), berlin)
    assert week.previous == Period.of_days(
        datetime(2026, 10, 19).date(), datetime(2026, 10, 25).date(), berlin
    )
    part = Period(
        datetime(2026, 10, 26, 5, 7, tzinfo=UTC), datetime(2026, 10, 26, 8, tzinfo=UTC), berlin
    )
    assert (part.previous.start, part.previous.end) == (
        datetime(2026, 10, 26, 2, 14, tzinfo=UTC),
        part.start,
    )
