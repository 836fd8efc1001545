"""Lines of the log: one for each request, its time split, and what it read; no secret leaves."""

import json
import logging

import pytest
from django.db import connection
from django.test import Client

from config.logs import TextFormatter
from management_proxy.models import PersonalToken
from monitoring.logs.account import Account, begin_account, waiting
from monitoring.logs.kinds import Kind, kind_of
from monitoring.logs.slow_statements import shape_of
from tests.factories import make_upstream
from tests.logged_lines import faults, formatted

SECRET = "sk-ant-api03-abcdefghijklmnop"
HISTORY = "/api/usage/summary?from=2026-11-01&to=2026-11-07"


def lines(caplog: pytest.LogCaptureFixture, event: str) -> list[dict]:
    return [
        json.loads(formatted(record))
        for record in caplog.records
        if getattr(record, "event", "") == event
    ]


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.django_db
def test_a_request_is_one_line(client: Client, caplog):
    response = client.get("/login/?next=/secret-path/")
    (line,) = lines(caplog, "http.request")
    assert line["request_id"] == response.headers["X-Request-Id"]
    assert {name: line[name] for name in ("method", "route", "status", "bytes")} == {
        "method": "GET",
        "route": "login/",
        "status": 200,
        "bytes": len(response.content),
    }
    assert "secret-path" not in caplog.text


@pytest.mark.django_db
def test_the_split_adds_up(admin_client: Client, admin_user, caplog):
    make_upstream()
    admin_client.get(HISTORY)
    (line,) = lines(caplog, "http.request")
    phases = [line[f"{phase}_ms"] for phase in ("database", "upstream", "cache", "ours")]
    assert sum(phases) == pytest.approx(line["duration_ms"], abs=0.3)
    assert line["database_ms"] > 0
    assert line["statements"] > 0
    assert line["user_id"] == admin_user.pk


@pytest.mark.django_db
def test_a_history_line_says_what_was_read_and_from_where(admin_client: Client, caplog):
    make_upstream()
    for cache, sources in (("miss", "daily_overall"), ("hit", "")):
        caplog.clear()
        admin_client.get(HISTORY)
        (line,) = lines(caplog, "http.request")
        assert (line["query"], line["cache"], line["sources"]) == ("summary", cache, sources)
        assert line["days"] == (7.0 if sources else 0.0)


@pytest.mark.django_db
def test_a_line_of_events_says_so(admin_client: Client, caplog):
    admin_client.get("/api/usage/events?from=2026-11-01&to=2026-11-02")
    (line,) = lines(caplog, "http.request")
    assert (line["query"], line["sources"], line["days"]) == ("events", "events", 2.0)


@pytest.mark.django_db
def test_a_streamed_response_is_logged_with_all_its_bytes(admin_client: Client, caplog):
    response = admin_client.get("/api/usage/export?format=csv&from=2026-11-01&to=2026-11-02")
    size = len(b"".join(response.streaming_content))
    response.close()
    (line,) = lines(caplog, "http.request")
    assert (line["route"], line["query"], line["bytes"]) == ("api/usage/export", "export", size)


@pytest.mark.django_db
def test_a_token_is_named_by_its_id(client: Client, admin_user, caplog):
    from management_proxy.tokens.actions import create_token

    secret = create_token(admin_user, "test", PersonalToken.Scope.READ)[1]
    client.get("/api/usage/collection-status", HTTP_AUTHORIZATION=f"Bearer {secret}")
    (line,) = lines(caplog, "http.request")
    assert line["token_id"] == PersonalToken.objects.get().pk
    assert line["user_id"] == admin_user.pk


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_quiet(client: Client, caplog, path: str):
    client.get(path)
    (line,) = lines(caplog, "http.request")
    assert line["level"] == "debug"


@pytest.mark.django_db
def test_an_unknown_address_is_not_logged(client: Client, caplog):
    client.get("/no/such/address-of-mine")
    (line,) = lines(caplog, "http.request")
    assert line["route"] == "unmatched"
    assert "address-of-mine" not in "".join(formatted(record) for record in caplog.records)


@pytest.mark.django_db
def test_a_slow_statement_is_logged_with_the_shape_of_its_plan(
    admin_client: Client, caplog, settings
):
    settings.LOG_SLOW_SECONDS = 0.000001
    make_upstream(name="name-of-mine")
    admin_client.get(f"{HISTORY}&upstream=name-of-mine")
    shown = lines(caplog, "database.slow_statement")
    assert any("usage_usage" in line["plan"] for line in shown)
    assert all(line["statement"].startswith("usage.") for line in shown)
    assert "name-of-mine" not in json.dumps(shown)


@pytest.mark.django_db
def test_the_shape_of_a_plan_has_no_value():
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN (FORMAT JSON, COSTS OFF) SELECT count(*) FROM monitoring_lease"
            " WHERE holder = 'name-of-mine'"
        )
        shape = shape_of(cursor.fetchone()[0][0]["Plan"])
    assert shape == "Aggregate[Seq Scan(monitoring_lease)]"


def test_waiting_within_waiting_counts_once(monkeypatch):
    now = iter(range(100))
    monkeypatch.setattr("monitoring.logs.account.time.perf_counter", lambda: float(next(now)))
    account = begin_account()
    with waiting("cache"), waiting("database"):
        pass
    assert account.seconds == {"database": 1.0, "upstream": 0.0, "cache": 2.0}
    assert Account().split(5.0)["ours"] == 5.0


def record(**extra: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "usage.test", "msg": "Test", "levelno": 20} | extra)


def test_no_secret_leaves_in_a_line():
    with_secret = record(error=f"refused {SECRET}")
    assert SECRET not in formatted(with_secret)
    assert SECRET not in TextFormatter("%(message)s").format(with_secret)


def test_undeclared_kinds_fields_and_secrets_are_found():
    kind = kind_of("collector.started")
    assert isinstance(kind, Kind)
    assert faults(record()) != []
    assert faults(record(event="no.such_kind")) != []
    assert faults(record(event=kind.event, interval_seconds=2.0)) == []
    assert faults(record(event=kind.event, surprise=1)) != []
    assert faults(record(event=kind.event, error=SECRET)) != []
