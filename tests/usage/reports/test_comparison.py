"""Comparisons: both sides are what a query of its own would be."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_event, make_upstream, store
from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery, summary
from usage.history.windows import Bucket, Window
from usage.models import UsageEvent
from usage.reports.comparison import Selection, comparison

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 19, tzinfo=UTC)
WINDOW = Window(date(2026, 11, 19), date(2026, 11, 20), ZoneInfo("UTC"))
QUERY = SummaryQuery(WINDOW.period, Scope(None, sees_everything=True), bucket=Bucket.DAY)


@pytest.fixture
def traffic():
    """Four days of two models; the two days before were quieter."""
    store(
        make_upstream(),
        *[
            make_event(
                timestamp=DAY + timedelta(hours=n / 2 if n > 0 else n),
                model=f"model-{n % 2}",
                latency_ms=1000 + 10 * n,
            )
            for n in range(-47, 96)
        ],
    )


def test_sides_are_summaries_of_their_own(traffic):
    queries = [
        replace(QUERY, filters=Filters({Dimension.MODEL: (model,)}))
        for model in ("model-0", "model-1")
    ]
    sides = comparison([Selection(query, query.period) for query in queries])
    for query, side in zip(queries, sides, strict=True):
        expected = summary(query)
        assert side.totals == expected.totals
        assert [p.requests for p in side.points] == [p.requests for p in expected.points]
        stored = UsageEvent.objects.filter(
            timestamp__gte=WINDOW.start, series__model=query.filters.query[0][1]
        )
        assert side.totals.attempts == stored.count()
    assert sides[0].points[0].latency.p95_ms


def test_time_before_is_compared_up_to_the_same_time_of_day(traffic):
    now = DAY + timedelta(days=1, hours=6)
    before = replace(QUERY, period=WINDOW.previous.period)
    one, other = comparison(
        [Selection(QUERY, WINDOW.period), Selection(before, WINDOW.before(now))]
    )
    assert one.totals.attempts == 96
    assert (
        other.totals.attempts
        == UsageEvent.objects.filter(
            timestamp__gte=DAY - timedelta(days=2), timestamp__lt=DAY - timedelta(hours=18)
        ).count()
    )
    assert sum(point.attempts for point in other.points) == 47


def test_nothing_has_a_course_of_nothing():
    (side,) = comparison([Selection(QUERY, WINDOW.period)])
    assert side.totals.attempts == 0
    assert [point.attempts for point in side.points] == [0, 0]
