"""What is wrong now: alerts, findings and failure classes; nothing on a healthy system."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.template.loader import render_to_string
from django.utils import timezone

from monitoring.health import Action, Finding, Level
from monitoring.models import Alert, AlertRule
from tests.factories import make_client_key, make_event, make_upstream, make_user, store
from usage.failure_report.wrong_now import present, wrong_now

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)
OVERLOADED = {"status_code": 503, "body": "upstream overloaded"}


def failed(**fields: object) -> dict[str, object]:
    return make_event(timestamp=NOW, failed=True, fail=OVERLOADED, **fields)


def test_nothing_is_wrong_where_few_attempts_fail():
    store(make_upstream(), *(make_event(timestamp=NOW) for _ in range(20)), failed())
    wrong = wrong_now(make_user(staff=True), [Finding(Level.OK, "fine"), Finding(Level.NOTICE, "")])
    assert wrong.is_quiet
    assert render_to_string("usage/wrong_now.html", {"wrong": wrong}).strip() == ""


def test_it_lists_what_fires_what_the_doctor_finds_and_why_attempts_fail():
    store(make_upstream(), *(failed() for _ in range(10)), make_event(timestamp=NOW))
    since = timezone.now()
    Alert.objects.create(
        rule=AlertRule.objects.get(code="failures"),
        rule_name="Many attempts fail",
        severity="critical",
        state="firing",
        value=90,
        worst=90,
        pending_since=since,
        fired_at=since,
        breached_at=since,
    )
    found = [Finding(Level.ERROR, "The spool cannot be written")]
    wrong = wrong_now(make_user(staff=True), found)
    (cause,) = wrong.causes
    assert (cause.guidance.failure_class, cause.count) == ("overloaded", 10)
    assert cause.share == pytest.approx(100 * 10 / 11)
    page = render_to_string("usage/wrong_now.html", {"wrong": wrong})
    for text in ("Many attempts fail", "The spool cannot be written", "10 failed attempts"):
        assert text in page
    assert "failure_class=overloaded" in page
    for section in ("alert-failures", "overloaded-provider-overloaded"):
        assert f"/monitoring/runbook/#{section}" in page


def test_trouble_that_an_alert_says_is_not_said_again():
    since = timezone.now()
    Alert.objects.create(
        rule=AlertRule.objects.get(code="collection_fails"),
        rule_name="Collection fails",
        subject="default",
        severity="critical",
        state="firing",
        value=90,
        worst=90,
        pending_since=since,
        fired_at=since,
        breached_at=since,
    )
    reach = Finding(Level.ERROR, "The last attempt failed", check="upstream")
    reach = replace(reach, subject="default", section="upstream reach")
    other = replace(reach, subject="elsewhere")
    clock = replace(reach, section="upstream clock")
    button = replace(reach, action=Action("Restore access", "upstreams:let-in", (1,)))
    wrong = wrong_now(make_user(staff=True), [reach, other, clock, button])
    assert [row.alert.rule_name for row in wrong.alerts] == ["Collection fails"]
    assert wrong.findings == [other, clock, button]


def test_what_can_wait_is_folded():
    alert = {
        "severity": "notice",
        "state": "firing",
        "value": 80,
        "worst": 80,
        **dict.fromkeys(("pending_since", "fired_at", "breached_at"), timezone.now()),
    }
    rule = AlertRule.objects.get(code="failures")
    for name in ("Budget of Ada", "Budget of Bob"):
        Alert.objects.create(rule=rule, rule_name=name, subject=name, **alert)
    wrong = wrong_now(make_user(staff=True), [])
    page = render_to_string("usage/wrong_now.html", {"wrong": wrong})
    assert not wrong.is_urgent
    assert "2 notices" in page
    assert page.index("<details") < page.index("Budget of Ada")


def test_a_user_sees_the_failures_of_their_own_keys_alone():
    owner, other = make_user("owner"), make_user("other")
    upstream = make_upstream()
    make_client_key(upstream, "sk-of-the-owner", owner=owner)
    store(upstream, *(failed(api_key="sk-of-the-owner") for _ in range(6)), failed())
    wrong = wrong_now(owner)
    assert [cause.count for cause in wrong.causes] == [6]
    assert wrong.findings == wrong.alerts == []
    assert wrong_now(other).is_quiet


def test_now_ends_with_the_present_quarter_of_an_hour():
    now = present(datetime(2026, 5, 1, 0, 7, tzinfo=UTC))
    assert now.start == datetime(2026, 4, 30, 23, 15, tzinfo=UTC)
    assert now.end - now.start == timedelta(hours=1)
