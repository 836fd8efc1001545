"""Speed: percentiles over time and by dimension are those of the stored attempts."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.factories import make_event, make_upstream, store
from usage.history.dimensions import Dimension, Filters
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery
from usage.history.windows import Bucket, Period
from usage.models import UsageEvent
from usage.reports.speed import speed
from usage.rollups.histograms import RELATIVE_ERROR

pytestmark = pytest.mark.django_db
DAY = datetime(2026, 11, 19, tzinfo=UTC)
PERIOD = Period.of_days(date(2026, 11, 19), date(2026, 11, 20), ZoneInfo("UTC"))
PROVIDERS = ("codex", "claude", "gemini")


@pytest.fixture
def traffic():
    """Two days of three providers, the later the slower; every tenth attempt failed."""
    store(
        make_upstream(),
        *[
            make_event(
                timestamp=DAY + timedelta(minutes=14 * n),
                provider=PROVIDERS[n % 3],
                model=f"model-{n % 7}",
                latency_ms=400 + 37 * n,
                ttft_ms=90 + 11 * n if n % 4 else 0,
                failed=not n % 10,
            )
            for n in range(200)
        ],
    )


def query(by: Dimension = Dimension.PROVIDER, top: int = 5, **more) -> SummaryQuery:
    return SummaryQuery(
        PERIOD, Scope(None, sees_everything=True), bucket=Bucket.DAY, groups=(by,), top=top, **more
    )


def nearest_rank(column: str, percent: int, **fields) -> int:
    values = sorted(
        UsageEvent.objects.filter(**fields, **{f"{column}__gt": 0}).values_list(column, flat=True)
    )
    return values[-(-len(values) * percent // 100) - 1]


def is_of(milliseconds: int, column: str, percent: int, **fields) -> bool:
    exact = nearest_rank(column, percent, **fields)
    return abs(milliseconds - exact) <= RELATIVE_ERROR * exact + 1


@pytest.mark.parametrize("percent", [50, 90, 95, 99])
def test_percentiles_are_those_of_the_attempts(traffic, percent):
    found = speed(query())
    name = f"p{percent}_ms"
    assert is_of(getattr(found.whole.totals.latency, name), "latency_ms", percent)
    assert is_of(getattr(found.whole.totals.ttft, name), "ttft_ms", percent)
    second_day = found.whole.points[1]
    later = {"timestamp__gte": DAY + timedelta(days=1)}
    assert is_of(getattr(second_day.latency, name), "latency_ms", percent, **later)
    for group in found.groups:
        provider = {"series__provider": group.name[Dimension.PROVIDER].value}
        assert is_of(getattr(group.totals.latency, name), "latency_ms", percent, **provider)
    for course in found.courses:
        of_day = {"series__provider": course.name[Dimension.PROVIDER].value, **later}
        assert is_of(getattr(course.points[1].ttft, name), "ttft_ms", percent, **of_day)


def test_tokens_per_second_are_of_the_attempts_that_succeeded(traffic):
    group = speed(query()).groups[0]
    events = UsageEvent.objects.filter(
        series__provider=group.name[Dimension.PROVIDER].value, series__failed=False
    )
    rows = events.values_list("latency_ms", "non_reasoning_output_tokens", "reasoning_tokens")
    tokens = sum((output or 0) + (reasoning or 0) for _, output, reasoning in rows)
    expected = 1000 * tokens / sum(row[0] for row in rows)
    assert group.totals.tokens_per_second == pytest.approx(expected, abs=0.01)


def test_courses_are_of_the_largest_values_and_the_table_of_all(traffic):
    found = speed(query(Dimension.MODEL, top=2))
    assert len(found.courses) == 2
    assert len(found.groups) == 7
    assert sum(g.totals.attempts for g in found.groups) == found.whole.totals.attempts == 200


def test_filters_hold_for_everything(traffic):
    filters = Filters({Dimension.PROVIDER: ("claude",), Dimension.MODEL: ("model-1", "model-2")})
    found = speed(query(filters=filters))
    fields = {"series__provider": "claude", "series__model__in": ("model-1", "model-2")}
    assert found.whole.totals.attempts == UsageEvent.objects.filter(**fields).count()
    assert is_of(found.whole.totals.latency.p95_ms, "latency_ms", 95, **fields)
    assert [g.name[Dimension.PROVIDER].value for g in found.groups] == ["claude"]


def test_nothing_has_no_points():
    found = speed(query())
    assert (found.whole, found.groups, found.courses) == (None, [], [])


def test_what_is_beyond_the_largest_is_summed_and_counted(traffic, monkeypatch):
    monkeypatch.setattr("usage.reports.speed.ROWS_SHOWN", 3)
    *shown, rest = speed(query(Dimension.MODEL)).groups
    assert (rest.name, rest.others) == ({}, 4)
    largest = [group.name[Dimension.MODEL].value for group in shown]
    stored = UsageEvent.objects.exclude(series__model__in=largest)
    assert rest.totals.attempts == stored.count()
    others = [f"model-{n}" for n in range(7) if f"model-{n}" not in largest]
    assert is_of(rest.totals.latency.p95_ms, "latency_ms", 95, series__model__in=others)
