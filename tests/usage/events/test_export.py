"""Export: every event once, harmless to spreadsheets, flat in memory, and never complete when it is
not."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from django.db import connection, connections
from django.test import Client

from monitoring.advisory_locks import EXPORT_SLOTS
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from tests.processes import eventually
from tests.web_server import web_server
from usage.events.export import MOST_AT_ONCE, Format, export
from usage.events.query import EventQuery
from usage.history.dimensions import Filters
from usage.history.scope import Scope
from usage.models import UsageEvent

EXPORT = "/api/usage/export"
MANY = 60_000


@pytest.fixture
def staff(client, db):
    client.force_login(make_user(staff=True))
    return client


def some_events(count=5, **fields):
    now = datetime.now(UTC)
    store(
        make_upstream(),
        *[make_event(timestamp=now - timedelta(minutes=n), **fields) for n in range(count)],
    )


def rows(response):
    return list(csv.DictReader(io.StringIO(b"".join(response).decode())))


def test_an_hour_of_the_week_is_exported_alone(staff):
    some_events(5)
    now = datetime.now(UTC)
    store(make_upstream(), make_event(timestamp=now - timedelta(days=2), model="other"))
    query = {"hour": f"{(now - timedelta(days=2)).isoweekday()}-{now.hour}"}
    assert [row["model"] for row in rows(staff.get(EXPORT, query))] == ["other"]


def test_csv_holds_every_event_oldest_first(staff):
    some_events(7)
    response = staff.get(EXPORT)
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="usage-')
    found = rows(response)
    assert [row["id"] for row in found] == [
        str(e.id) for e in UsageEvent.objects.order_by("timestamp", "id")
    ]
    assert (
        found[0].items()
        >= {
            "model": "gpt-5.4",
            "inputTokens": "100",
            "failed": "f",
            "credential": "alice@example.com",
        }.items()
    )


def test_json_lines_are_the_events_of_the_list(staff):
    some_events(3, model='quoted "name" \\ 和')
    lines = [
        json.loads(line) for line in b"".join(staff.get(EXPORT, {"format": "jsonl"})).splitlines()
    ]
    assert lines == staff.get("/api/usage/events").json()["events"][::-1]


def test_filters_and_window_apply(staff):
    some_events(3)
    some_events(2, model="another")
    assert [row["model"] for row in rows(staff.get(EXPORT, {"model": "another"}))] == [
        "another"
    ] * 2
    assert rows(staff.get(EXPORT, {"from": "2024-01-01", "to": "2024-01-31"})) == []


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@cmd", "\t=1", "\r=1"])
def test_no_text_is_a_formula(staff, name):
    upstream = make_upstream()
    make_client_key(upstream, "sk-client-team-a", name=name)
    store(upstream, make_event(timestamp=datetime.now(UTC), model=name, endpoint=name))
    (row,) = rows(staff.get(EXPORT))
    assert row["keyName"] == row["model"] == row["endpoint"] == f"'{name}"


def test_user_exports_own_events_only(client, db):
    upstream, owner = make_upstream(), make_user()
    make_client_key(upstream, "sk-mine-0001", owner=owner)
    now = datetime.now(UTC)
    store(
        upstream,
        make_event(timestamp=now, api_key="sk-mine-0001"),
        make_event(timestamp=now, api_key="sk-others-0002"),
    )
    client.force_login(owner)
    (mine,) = rows(client.get(EXPORT))
    assert mine["keyName"] == "…0001"
    assert not {"credential", "username"} & mine.keys()


@pytest.mark.parametrize(
    ("field", "value"), [("format", "xlsx"), ("from", "x"), ("outcome", "maybe")]
)
def test_bad_query_is_a_400_that_names_the_field(staff, field, value):
    assert f"{field}: expected" in staff.get(EXPORT, {field: value}).json()["error"]["message"]


@pytest.mark.django_db(transaction=True)
def test_only_so_many_are_written_at_once(client):
    client.force_login(make_user(staff=True))
    held = [connections.create_connection("default") for _ in range(MOST_AT_ONCE)]
    try:
        for number, other in enumerate(held, 1):
            with other.cursor() as cursor:
                cursor.execute("BEGIN")
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [EXPORT_SLOTS, number])
        response = client.get(EXPORT)
        assert (response.status_code, response.headers["Retry-After"]) == (429, "10")
    finally:
        for other in held:
            other.close()
    eventually(lambda: b"".join(client.get(EXPORT)).startswith(b"id,timestamp"))


def many_events():
    store(make_upstream(), make_event(timestamp=datetime.now(UTC)))
    columns = [
        f.column
        for f in UsageEvent._meta.concrete_fields
        if f.column not in ("id", "digest", "timestamp")
    ]
    with connection.cursor() as cursor:
        names = ", ".join(columns)
        cursor.execute(
            f'INSERT INTO usage_event (digest, "timestamp", {names}) SELECT gen_random_uuid(),'
            f" e.\"timestamp\" - n * interval '1 microsecond', {names} FROM usage_event AS e,"
            f" generate_series(1, {MANY}) AS n"
        )


def running_exports():
    """The server processes of this database's exports, without the parallel workers that help."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE query LIKE '%%usage.events.export%%' AND state = 'active'"
            " AND datname = current_database() AND leader_pid IS NULL AND pid <> pg_backend_pid()"
        )
        return [row[0] for row in cursor.fetchall()]


def end_backend(pid):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", [pid])


@pytest.fixture
def http(transactional_db, tmp_path):
    """A member of staff's connection to a real web server on this test's database."""
    client = Client()
    client.force_login(make_user(staff=True))
    cookies = {"sessionid": client.cookies["sessionid"].value}
    with (
        web_server(tmp_path) as server,
        httpx.Client(base_url=server.url, cookies=cookies, timeout=30) as http,
    ):
        yield http


def test_a_broken_export_looks_broken_and_a_left_one_ends(http):
    many_events()
    with http.stream("GET", EXPORT, params={"format": "jsonl"}) as response:
        chunks = response.iter_raw()
        next(chunks)
        (pid,) = running_exports()
        end_backend(pid)
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    with http.stream("GET", EXPORT, params={"format": "jsonl"}) as response:
        chunks = response.iter_raw()  # dropped, it would close the connection
        next(chunks)
        assert running_exports()
    eventually(lambda: not running_exports())
    with http.stream("GET", EXPORT, params={"format": "jsonl"}) as response:
        assert sum(chunk.count(b"\n") for chunk in response.iter_raw()) == MANY + 1


@pytest.mark.django_db(transaction=True)
def test_abandoned_export_gives_back_its_slot():
    many_events()
    query = EventQuery(
        datetime.now(UTC) - timedelta(days=1),
        datetime.now(UTC),
        Scope(None, sees_everything=True),
        Filters(),
    )
    for _ in range(MOST_AT_ONCE + 1):
        chunks = export(query, Format.CSV)
        assert chunks is not None
        next(chunks)
        chunks.close()
    assert running_exports() == []
