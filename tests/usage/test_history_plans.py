"""What history costs: rollups instead of events, indexes where events are read, few statements."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.factories import make_event, make_upstream, store
from usage.dimensions import Dimension, Filters
from usage.history import history
from usage.planner import EVENTS, SOURCES, plan
from usage.scope import Scope
from usage.summaries import Asked, breakdown, series, summary
from usage.windows import Bucket, Interval, Period, Window

EVERYTHING = Scope(None, sees_everything=True)
WINDOW = Window(date(2026, 10, 22), date(2026, 11, 20), ZoneInfo("UTC"))
ASKED = Asked(WINDOW.period, EVERYTHING)
IN_KOLKATA = Asked(Window(WINDOW.first, WINDOW.last, ZoneInfo("Asia/Kolkata")).period, EVERYTHING, groups=(Dimension.KEY,))
HOT = {
    "history": lambda: history(WINDOW, EVERYTHING),
    "history of one user": lambda: history(WINDOW, Scope(1, sees_everything=False)),
    "summary": lambda: summary(ASKED),
    "summary of a key": lambda: summary(Asked(WINDOW.period, EVERYTHING, Filters({Dimension.KEY: (1,)}))),
    "percentiles by model": lambda: breakdown(Asked(WINDOW.period, EVERYTHING, groups=(Dimension.MODEL,), percentiles=("latency",))),
    "half hours of events": lambda: series(IN_KOLKATA),
}


def statements(ask) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        ask()
    # What the server plans once is not captured as text.
    asked = [query["sql"] for query in captured if query["sql"]]
    return [sql for sql in asked if "/* usage.history" in sql or "/* usage.event_" in sql]


@pytest.mark.django_db
@pytest.mark.parametrize("name", HOT)
def test_hot_questions_never_scan_the_events(name):
    upstream = make_upstream()
    store(upstream, *(make_event(timestamp=f"2026-11-{day:02}T10:00:00Z") for day in range(1, 20)))
    for sql in statements(HOT[name]):
        with connection.cursor() as cursor:
            # A table of nineteen rows is scanned if that is allowed.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {sql}")
            explained = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on usage_event" not in explained, explained


@pytest.mark.django_db
def test_history_and_summary_take_few_statements(django_assert_max_num_queries):
    store(make_upstream(), make_event())
    with django_assert_max_num_queries(13):
        history(WINDOW, EVERYTHING)
    with django_assert_max_num_queries(5):
        summary(ASKED)


def planned(period: Period, *dimensions: Dimension, bucket: Bucket | None = None, calendar: str = "UTC") -> dict[str, int]:
    intervals = list(bucket.cut(period)) if bucket else [period]
    return {source.name: len(pieces) for source, pieces in plan(intervals, frozenset(dimensions), ZoneInfo(calendar)).items()}


@pytest.mark.parametrize(
    ("dimensions", "source"),
    [
        ((), "daily_overall"), ((Dimension.OUTCOME, Dimension.UPSTREAM), "daily_overall"), ((Dimension.USER,), "daily_by_key"),
        ((Dimension.MODEL,), "daily_by_model"), ((Dimension.KEY, Dimension.MODEL), "daily_by_key_and_model"), ((Dimension.CREDENTIAL,), "daily_by_credential"),
        ((Dimension.KEY, Dimension.CREDENTIAL), "daily"), ((Dimension.MODEL, Dimension.OUTCOME), "daily"), ((Dimension.ENDPOINT,), "daily"),
    ],
)  # fmt: skip
def test_days_of_the_calendar_come_from_the_narrowest_daily_rollup(dimensions, source):
    assert planned(WINDOW.period, *dimensions) == {source: 1}


def test_other_days_come_from_hours_or_quarters():
    berlin = Period.of_days(WINDOW.first, WINDOW.last, ZoneInfo("Europe/Berlin"))
    assert planned(berlin, bucket=Bucket.DAY) == {"quarter_hourly": 30}
    assert planned(berlin, Dimension.KEY, bucket=Bucket.DAY) == {"hourly_by_key": 30}
    assert planned(berlin, Dimension.KEY) == {"hourly_by_key": 2, "daily_by_key": 1}
    # The first of the thirty-one days of the calendar that it touches is only touched.
    assert planned(berlin, Dimension.CREDENTIAL) == {"events": 2, "daily_by_credential": 1}


def test_ragged_ends_come_from_ever_finer_sources():
    period = Period(datetime(2026, 11, 1, 22, 50, tzinfo=UTC), datetime(2026, 11, 4, 2, 20, tzinfo=UTC), ZoneInfo("UTC"))
    assert planned(period, Dimension.KEY) == {"events": 2, "hourly_by_key": 2, "daily_by_key": 1}
    assert planned(period) == {"events": 2, "quarter_hourly": 2, "daily_overall": 1}


def test_pieces_are_the_interval_without_gap_or_overlap():
    start, end = datetime(2026, 10, 24, 3, 7, tzinfo=UTC), datetime(2026, 10, 27, 19, 44, 1, tzinfo=UTC)
    pieces = sorted(
        (piece.start, piece.end) for found in plan([Interval(start, end)], frozenset({Dimension.MODEL}), ZoneInfo("Europe/Berlin")).values() for piece in found
    )
    edges = [edge for piece in pieces for edge in piece]
    assert (edges[0], edges[-1]) == (start, end)
    assert edges[1:-1:2] == edges[2:-1:2]


@pytest.mark.django_db
def test_sources_hold_the_rows_that_their_names_say():
    assert {source.granularity.table for source in SOURCES} <= set(connection.introspection.table_names())
    assert EVENTS.dimensions == frozenset(Dimension)
