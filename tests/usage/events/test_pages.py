"""Pages of events: every event once, in order, in both directions, whatever the filter and what
arrives meanwhile."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext

from providers.models import ClientKey, Credential
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.events import search as event_search
from usage.events.pages import page_of_events
from usage.events.query import Cursor, EventQuery
from usage.history.dimensions import Filters
from usage.history.scope import Scope
from usage.history.windows import WeekHour, Window
from usage.models import UsageEvent

EVERYTHING = Scope(None, sees_everything=True)
START, END = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 21, tzinfo=UTC)
FILTERS = (
    "",
    "outcome=failed",
    "outcome=succeeded",
    "failure_class=rate_limited",
    "model=a",
    "model=a&model=b",
    "model=nothing",
    "key=unattributed",
    "user=unattributed",
    "reasoning_effort=%28empty%29",
    "upstream=east&outcome=failed",
    "model=c&outcome=failed",
    "provider=codex",
    "key=unattributed&model=c",
    "key=unattributed&model=a&outcome=failed",
    "key=unattributed&model=nothing",
    "user=unattributed&reasoning_effort=high",
)


def event_query(query="", scope=EVERYTHING, **fields):
    return EventQuery(START, END, scope, Filters.from_query(QueryDict(query)), **fields)


def pages(query, size, cursor=None, direction="next"):
    found = []
    while True:
        page = page_of_events(query, cursor, size)
        found.append([row["id"] for row in page.rows])
        cursor = getattr(page, direction)
        if cursor is None:
            return found


@pytest.fixture
def events(db):
    """Events of two upstreams, many at the same instants, some at the edges of the window."""
    chance = random.Random(5)
    for upstream in (make_upstream(name="east"), make_upstream(name="west")):
        store(
            upstream,
            *[
                make_event(
                    timestamp=START + timedelta(hours=chance.randrange(-24, 24 * 21)),
                    failed=(failed := chance.random() < 0.15),
                    model=chance.choice("aaabc"),
                    api_key=chance.choice(["sk-key-one-1111", "sk-key-two-2222", ""]),
                    auth_index=chance.choice(["one", "two"]),
                    reasoning_effort=chance.choice(["", "high"]),
                    fail={"status_code": chance.choice([429, 500]) if failed else 200, "body": ""},
                )
                for _ in range(150)
            ],
        )


def accepted(query):
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT e.id::text FROM usage_event AS e
            JOIN usage_usageseries AS s ON s.id = e.series_id
            WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s AND {query.accepted_sql}
            ORDER BY e."timestamp" DESC, e.id DESC
            """,
            {**query.parameters, "start": START, "end": END},
        )
        return [row[0] for row in cursor.fetchall()]


@pytest.mark.parametrize(
    ("walk", "few", "many"), [(1, 0, 1), (10, 0, 3), (3000, 100, 3), (10, 100, 100_000)]
)
def test_pages_hold_every_accepted_event_once_in_order(events, monkeypatch, walk, few, many):
    for name, value in (("WALK", walk), ("_FEW", few), ("_MANY", many)):
        monkeypatch.setattr(event_search, name, value)
    credentials = [f"credential={credential.pk}" for credential in Credential.objects.all()]
    for query in (
        *FILTERS,
        *credentials,
        f"{credentials[0]}&key=unattributed",
        f"{credentials[1]}&model=c&outcome=failed",
    ):
        built = event_query(query)
        found = pages(built, 40)
        assert [event for page in found for event in page] == accepted(built), query
        assert all(len(page) == 40 for page in found[:-1]), query


@pytest.mark.parametrize("walk", [1, 3000])
def test_pages_lead_back_the_same_way(events, monkeypatch, walk):
    monkeypatch.setattr(event_search, "WALK", walk)
    for query in ("", "outcome=failed", "model=a", "key=unattributed", "key=unattributed&model=a"):
        built = event_query(query)
        oldest = page_of_events(built, Cursor(START, 0, is_newer=True), 20)
        back = pages(built, 20, oldest.previous, "previous") if oldest.previous else []
        assert [
            event for page in [*back[::-1], [row["id"] for row in oldest.rows]] for event in page
        ] == accepted(built), query


@pytest.mark.parametrize("query", ["", "model=a", "key=unattributed&model=a"])
def test_pages_of_an_hour_of_the_week_hold_its_events(events, query):
    window = Window(START.date(), (END - timedelta(days=1)).date(), ZoneInfo("UTC"))
    at = [START + timedelta(days=n, hours=14, minutes=n) for n in range(20)]
    mondays = [instant for instant in at if instant.weekday() == 0]
    events_of_a = [make_event(timestamp=instant, model="a", api_key="") for instant in at]
    store(make_upstream(), *events_of_a)
    built = event_query(query, hours=WeekHour(1, 14).within(window))
    known = dict(UsageEvent.objects.values_list("id", "timestamp"))
    hour = [
        event
        for event in accepted(event_query(query))
        if known[int(event)].weekday() == 0 and known[int(event)].hour == 14
    ]
    assert len(hour) >= len(mondays) == 3
    forth = pages(built, 2)
    assert [event for page in forth for event in page] == hour
    oldest = page_of_events(built, Cursor(START, 0, is_newer=True), 2)
    back = [[row["id"] for row in oldest.rows], *pages(built, 2, oldest.previous, "previous")]
    assert [event for page in back[::-1] for event in page] == hour


def test_user_pages_through_own_events_only(events):
    owner, upstream = make_user(), make_upstream()
    make_client_key(upstream, "sk-mine-0001", owner=owner)
    store(
        upstream,
        *[
            make_event(timestamp=START + timedelta(days=n), api_key="sk-mine-0001")
            for n in range(5)
        ],
    )
    mine = page_of_events(event_query(scope=Scope.of(owner)), None, 50).rows
    assert [row["keyName"] for row in mine] == ["…0001"] * 5
    assert not {"credential", "username"} & mine[0].keys()
    assert page_of_events(event_query(scope=Scope.of(make_user())), None, 50).rows == []


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/Los_Angeles"])
def test_days_of_another_calendar_hold_the_same_events(db, settings, zone):
    settings.TIME_ZONE = zone
    at = [START + timedelta(hours=7 * n) for n in range(60)]
    store(
        make_upstream(),
        *[
            make_event(timestamp=instant, api_key=f"sk-key-{n % 3}-1111", model="ab"[n % 2])
            for n, instant in enumerate(at)
        ],
    )
    key = ClientKey.objects.order_by("pk").last()
    built = event_query(f"key={key.pk}&model=a")
    assert [event for page in pages(built, 2) for event in page] == accepted(built) != []


def test_what_never_went_together_costs_a_look_at_a_rollup(events, django_assert_num_queries):
    built = event_query("key=unattributed&model=nothing")
    with django_assert_num_queries(2):
        assert page_of_events(built, None, 50).rows == []


def test_events_that_arrive_meanwhile_move_nothing(events):
    built = event_query("model=a")
    before = accepted(built)
    first = page_of_events(built, None, 20)
    times = list(UsageEvent.objects.order_by("timestamp").values_list("timestamp", flat=True))
    store(
        make_upstream(),
        *[make_event(model="a", timestamp=at) for at in [END - timedelta(seconds=1), *times[::9]]],
    )
    rest = pages(built, 20, first.next)
    seen = [row["id"] for row in first.rows] + [event for page in rest for event in page]
    assert [event for event in seen if event in set(before)] == before
    assert len(set(seen)) == len(seen)


def test_of_one_request(events):
    store(
        make_upstream(),
        *[make_event(request_id="7f3a91c2", timestamp=START + timedelta(days=n)) for n in (1, 2)],
    )
    assert len(page_of_events(event_query(request_id="7f3a91c2"), None, 50).rows) == 2


def test_cursor_is_read_as_it_was_written():
    for cursor in (Cursor(START, 1), Cursor(END + timedelta(microseconds=7), 2**62, is_newer=True)):
        assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "AAAA",
        "é" * 24,
        "A" * 200,
        str(Cursor(START, 1)) + "=",
        str(Cursor(START, 1))[:-1],
        "_" * 23,
    ],
)
def test_no_other_text_is_a_cursor(text):
    with pytest.raises(ValueError, match="expected a cursor"):
        Cursor.parse(text)


def test_no_page_scans_all_events(events, monkeypatch):
    monkeypatch.setattr(event_search, "WALK", 1)
    with CaptureQueriesContext(connection) as captured:
        for query in FILTERS:
            page_of_events(event_query(query), Cursor(END, 1), 20)
    with connection.cursor() as cursor:
        # A few hundred rows are rightly scanned; what counts is that no statement needs it.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for statement in captured.captured_queries:
            cursor.execute(f"EXPLAIN {statement['sql']}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
            assert "Seq Scan on usage_event" not in plan, plan
