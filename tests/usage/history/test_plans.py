"""What history costs: rollups instead of events, indexes where events are read, few statements."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from providers.models import ClientKey, Credential
from tests.factories import make_event, make_upstream, store
from usage.api.history_body import history
from usage.events.pages import page_of_events
from usage.events.query import Cursor, EventQuery
from usage.history.dimensions import Dimension, Filters
from usage.history.planner import EVENTS, SOURCES, plan
from usage.history.scope import Scope
from usage.history.summaries import SummaryQuery, breakdown, series, summary
from usage.history.windows import Bucket, Interval, Period, Window
from usage.reference.dataset import SEED
from usage.reference.instants import Shape
from usage.reference.seeding import seed, seeded_upstream

EVERYTHING = Scope(None, sees_everything=True)
WINDOW = Window(date(2026, 10, 22), date(2026, 11, 20), ZoneInfo("UTC"))
ASKED = SummaryQuery(WINDOW.period, EVERYTHING)
IN_KOLKATA = SummaryQuery(
    Window(WINDOW.first, WINDOW.last, ZoneInfo("Asia/Kolkata")).period,
    EVERYTHING,
    groups=(Dimension.KEY,),
)
EVENTS_SEEDED, DAYS_SEEDED = 20_000, 30
HOT = {
    "history": lambda: history(WINDOW, EVERYTHING),
    "history of one user": lambda: history(WINDOW, Scope(1, sees_everything=False)),
    "summary": lambda: summary(ASKED),
    "summary of a key": lambda: summary(
        SummaryQuery(WINDOW.period, EVERYTHING, Filters({Dimension.KEY: (1,)}))
    ),
    "percentiles by model": lambda: breakdown(
        SummaryQuery(WINDOW.period, EVERYTHING, groups=(Dimension.MODEL,), percentiles=("latency",))
    ),
    "half hours of events": lambda: series(IN_KOLKATA),
}


def statements(run) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        run()
    # What the server plans once is not captured as text.
    executed = [query["sql"] for query in captured if query["sql"]]
    marks = ("/* usage.history.", "/* usage.events.")
    return [sql for sql in executed if any(mark in sql for mark in marks)]


@pytest.fixture
def reference(db):
    """Enough of the reference dataset that the planner has something to decide, known to it."""
    seed(
        Shape(EVENTS_SEEDED, DAYS_SEEDED, SEED, datetime(2026, 11, 21, tzinfo=UTC)),
        seeded_upstream(),
    )


def pages_of_events(key: int, credential: int) -> dict[str, Callable[[], object]]:
    """A page in the middle of the list, by all that decides how it is found."""
    filters = (
        "",
        "outcome=failed",
        "failure_class=auth",
        "model=model-03",
        "reasoning_effort=low",
        f"key={key}",
        f"credential={credential}",
        "key=unattributed",
        f"key={key}&model=model-03",
        f"key={key}&outcome=failed",
        f"key={key}&endpoint=POST+/v1/messages",
        f"credential={credential}&model=model-03",
    )
    queries = {
        query: EventQuery(
            WINDOW.start, WINDOW.end, EVERYTHING, Filters.from_query(QueryDict(query))
        )
        for query in filters
    }
    queries["of one user"] = EventQuery(
        WINDOW.start, WINDOW.end, Scope(1, sees_everything=False), Filters()
    )
    middle = Cursor(WINDOW.start + timedelta(days=20), 1)
    return {
        f"page of events {name}": partial(page_of_events, query, middle, 50)
        for name, query in queries.items()
    }


def test_no_hot_query_scans_the_events(reference):
    hot = HOT | pages_of_events(
        ClientKey.objects.latest("pk").pk, Credential.objects.latest("pk").pk
    )
    scanned = {}
    for name, run in hot.items():
        for sql in statements(run):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN {sql}")
                explained = "\n".join(row[0] for row in cursor.fetchall())
            if "Seq Scan on usage_event" in explained:
                scanned[name] = explained
    assert scanned == {}


@pytest.mark.django_db
def test_history_and_summary_take_few_statements(django_assert_max_num_queries):
    store(make_upstream(), make_event())
    with django_assert_max_num_queries(13):
        history(WINDOW, EVERYTHING)
    with django_assert_max_num_queries(5):
        summary(ASKED)


def planned(
    period: Period, *dimensions: Dimension, bucket: Bucket | None = None, calendar: str = "UTC"
) -> dict[str, int]:
    intervals = list(bucket.cut(period)) if bucket else [period]
    return {
        source.name: len(pieces)
        for source, pieces in plan(intervals, frozenset(dimensions), ZoneInfo(calendar)).items()
    }


@pytest.mark.parametrize(
    ("dimensions", "source"),
    [
        ((), "daily_overall"),
        ((Dimension.OUTCOME, Dimension.UPSTREAM), "daily_overall"),
        ((Dimension.USER,), "daily_by_key"),
        ((Dimension.MODEL,), "daily_by_model"),
        ((Dimension.KEY, Dimension.MODEL), "daily_by_key_and_model"),
        ((Dimension.CREDENTIAL,), "daily_by_credential"),
        ((Dimension.KEY, Dimension.CREDENTIAL), "daily"),
        ((Dimension.MODEL, Dimension.OUTCOME), "daily"),
        ((Dimension.ENDPOINT,), "daily"),
    ],
)
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
    period = Period(
        datetime(2026, 11, 1, 22, 50, tzinfo=UTC),
        datetime(2026, 11, 4, 2, 20, tzinfo=UTC),
        ZoneInfo("UTC"),
    )
    assert planned(period, Dimension.KEY) == {"events": 2, "hourly_by_key": 2, "daily_by_key": 1}
    assert planned(period) == {"events": 2, "quarter_hourly": 2, "daily_overall": 1}


def test_pieces_are_the_interval_without_gap_or_overlap():
    start, end = (
        datetime(2026, 10, 24, 3, 7, tzinfo=UTC),
        datetime(2026, 10, 27, 19, 44, 1, tzinfo=UTC),
    )
    pieces = sorted(
        (piece.start, piece.end)
        for found in plan(
            [Interval(start, end)], frozenset({Dimension.MODEL}), ZoneInfo("Europe/Berlin")
        ).values()
        for piece in found
    )
    edges = [edge for piece in pieces for edge in piece]
    assert (edges[0], edges[-1]) == (start, end)
    assert edges[1:-1:2] == edges[2:-1:2]


@pytest.mark.django_db
def test_sources_hold_the_rows_that_their_names_say():
    assert {source.granularity.table for source in SOURCES} <= set(
        connection.introspection.table_names()
    )
    assert EVENTS.dimensions == frozenset(Dimension)
