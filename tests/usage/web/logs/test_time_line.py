"""What Tollgate did and found, between the lines of the log."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import override

from monitoring.alerts.default_rules import store_missing
from monitoring.models import Alert, AlertRule
from providers.models import Intent
from tests.factories import make_upstream, make_user
from usage.models import CollectorRun
from usage.web.logs.time_line import marks

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def make_run(upstream, at: datetime, **fields) -> None:
    values = {"status": "succeeded", "trigger": "loop", "token": 1, **fields}
    CollectorRun.objects.create(upstream=upstream, started_at=at - MINUTE, ended_at=at, **values)


def make_alert(**fields) -> None:
    values = {"state": "firing", "fired_at": AT, "pending_since": AT, "breached_at": AT, **fields}
    Alert.objects.create(rule_name="Failures", severity="warning", value=1, worst=1, **values)


def texts(upstream, since: datetime = AT - MINUTE) -> list[str]:
    return [mark.text for mark in marks(upstream, since)]


def test_everything_stands_in_its_order() -> None:
    upstream = make_upstream()
    make_run(upstream, AT + MINUTE, stored=3)
    make_alert(state="resolved", resolved_at=AT + 3 * MINUTE)
    intent = Intent.objects.create(upstream=upstream, title="Add a key", kind="x", resource="y")
    Intent.objects.filter(pk=intent.pk).update(requested_at=AT + 2 * MINUTE)
    assert texts(upstream) == [
        "Alert fires: Failures",
        "Collector run: 3 events stored",
        "Change: Add a key (requested)",
        "Alert ended: Failures",
    ]


def test_names_and_figures_are_in_the_readers_language() -> None:
    store_missing()
    upstream = make_upstream()
    make_run(upstream, AT + MINUTE, stored=1234)
    rule = AlertRule.objects.get(code="budget_warning")
    subject = "CI: 80 %, last 7 days"
    Alert.objects.create(
        rule=rule,
        rule_name=rule.name,
        subject=subject,
        severity="notice",
        value=80,
        worst=80,
        state="firing",
        fired_at=AT,
        pending_since=AT,
        breached_at=AT,
    )
    with override("de"):
        assert texts(upstream) == [
            "Alarm ausgelöst: Budgetwarnung: CI: 80 %, letzte 7 Tage",
            "Sammlerlauf: 1.234 Ereignisse gespeichert",
        ]


def test_runs_that_found_nothing_and_those_of_others_are_left_out() -> None:
    upstream = make_upstream(name="one")
    make_run(upstream, AT)
    make_run(upstream, AT - 10 * MINUTE, stored=1)
    make_run(make_upstream(name="two"), AT, stored=1)
    make_run(upstream, AT, status="failed", error="the upstream is down")
    [mark] = marks(upstream, AT - MINUTE)
    assert (mark.text, mark.is_bad) == ("Collector run: failed. the upstream is down", True)


def test_pending_alerts_are_not_shown() -> None:
    make_alert(state="pending", fired_at=None)
    assert texts(make_upstream()) == []


def test_rows_are_for_staff_and_escape_what_they_show() -> None:
    upstream = make_upstream(name="one")
    make_run(upstream, timezone.now(), status="failed", error="<b>bad</b>")
    client = Client()
    client.force_login(make_user("bob"))
    path = f"/logs/marks/?upstream=one&since={int(time.time()) - 60}"
    assert client.get(path).status_code == 403
    client.force_login(make_user("ada", staff=True))
    rows = client.get(path).content.decode()
    assert rows.count("<li") == 1
    assert "&lt;b&gt;bad" in rows
    assert client.get("/logs/marks/?upstream=one&since=x").status_code == 400
    assert client.get("/logs/marks/?upstream=two&since=1").status_code == 404
    assert client.get(f"/logs/marks/?upstream=one&since={10**12}").status_code == 200
