"""States of alerts, and the messages that are committed with them."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from monitoring.alerts.engine import end_alerts, evaluate
from monitoring.alerts.queries import check_alerts
from monitoring.alerts.signals import Reading
from monitoring.alerts.trial import try_rule
from monitoring.leases import LeaseLost, acquire, force_release
from monitoring.models import Alert, AlertMessage, AlertRule
from tests.monitoring.alerts.receiver import make_channel
from tests.monitoring.alerts.rules import Scripted, make_rule, scripted_signal

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


@pytest.fixture
def signal() -> Iterator[Scripted]:
    with scripted_signal() as scripted:
        yield scripted


@pytest.fixture(autouse=True)
def channel(db):
    return make_channel("http://127.0.0.1:9/")


def kinds() -> list[str]:
    return list(AlertMessage.objects.order_by("created_at").values_list("kind", flat=True))


def test_a_breach_fires_and_calm_resolves(signal):
    make_rule()
    signal.set(7)
    assert evaluate(now=at(0)).fired == 1
    signal.set(1)
    evaluate(now=at(30))
    assert Alert.objects.get().state == "firing"
    assert evaluate(now=at(61)).resolved == 1
    assert (Alert.objects.get().state, kinds()) == ("resolved", ["firing", "resolved"])


def test_it_has_to_hold(signal):
    make_rule(hold_seconds=60)
    signal.set(7)
    evaluate(now=at(0))
    assert (Alert.objects.get().state, kinds()) == ("pending", [])
    signal.set(1)
    evaluate(now=at(30))
    assert not Alert.objects.exists()
    signal.set(7)
    evaluate(now=at(40))
    evaluate(now=at(100))
    assert (Alert.objects.get().state, kinds()) == ("firing", ["firing"])


def test_a_thousand_flapping_evaluations_send_one_alert_and_one_recovery(signal):
    make_rule(calm_seconds=300)
    for number in range(1000):
        signal.set(7 if number % 2 == 0 else 1)
        evaluate(now=at(10 * number))
    evaluate(now=at(10_000 + 300))
    assert kinds() == ["firing", "resolved"]


def test_it_is_repeated_at_an_interval_until_it_is_acknowledged(signal):
    make_rule(repeat_seconds=600)
    signal.set(7)
    for seconds in (0, 300, 600, 900, 1200):
        evaluate(now=at(seconds))
    assert kinds() == ["firing", "reminder", "reminder"]
    Alert.objects.update(acknowledged_at=at(1300), acknowledged_by="ada")
    evaluate(now=at(1800))
    assert len(kinds()) == 3
    assert Alert.objects.get().acknowledged_by == "ada"


def test_what_is_silenced_sends_nothing_until_the_silence_is_over(signal):
    make_rule(silenced_until=at(100))
    signal.set(7)
    evaluate(now=at(0))
    assert (Alert.objects.get().state, kinds()) == ("firing", [])
    evaluate(now=at(101))
    assert kinds() == ["firing"]


def test_an_end_of_what_was_never_announced_is_not_announced(signal):
    make_rule(silenced_until=at(1000))
    signal.set(7)
    evaluate(now=at(0))
    signal.set(1)
    evaluate(now=at(61))
    assert (Alert.objects.get().state, kinds()) == ("resolved", [])


def test_subjects_of_one_rule_are_grouped_in_one_message(signal):
    make_rule()
    signal.readings = [Reading(7.0, "east"), Reading(9.0, "west"), Reading(1.0, "north")]
    evaluate(now=at(0))
    message = AlertMessage.objects.get()
    assert message.title == "[warning] Scripted: 2 subjects"
    assert "east: 7" in message.text
    assert {alert["subject"] for alert in message.content["alerts"]} == {"east", "west"}


def test_a_message_says_what_since_when_how_much_and_what_to_do(signal, settings):
    settings.DASHBOARD_URL = "https://tollgate.example.com"
    make_rule(filters={"colour": "red"})
    signal.set(7, "east")
    evaluate(now=at(0))
    text = AlertMessage.objects.get().text
    for part in (
        "Scripted value: at least 5, colour red",
        "east: 7",
        "Since: 2026-11-20 12:00:00 UTC",
        "7 it is.",
        "See: https://tollgate.example.com/usage/",
        "What to do: Set it to nothing.",
        "Runbook: https://tollgate.example.com/monitoring/runbook/#alert-test-scripted",
    ):
        assert part in text


def test_a_rule_that_cannot_be_evaluated_says_so_and_changes_nothing(signal):
    make_rule()
    signal.set(7)
    evaluate(now=at(0))
    signal.error = ZeroDivisionError("by nothing")
    assert "by nothing" in evaluate(now=at(1000)).errors["Scripted"]
    assert Alert.objects.get().state == "firing"
    rule = AlertRule.objects.get(name="Scripted")
    assert (rule.error, rule.error_since) == ("ZeroDivisionError: by nothing", at(1000))
    assert any("cannot be evaluated" in finding.summary for finding in check_alerts())
    signal.error = None
    evaluate(now=at(1010))
    rule.refresh_from_db()
    assert rule.error == ""


@pytest.mark.parametrize(
    "fields", [{"signal": "no.such"}, {"filters": {"colour": "blue"}}, {"filters": {"size": "1"}}]
)
def test_a_wrong_rule_is_never_silently_false(signal, fields):
    make_rule(**fields)
    signal.set(7)
    assert list(evaluate(now=at(0)).errors) == ["Scripted"]


def test_a_broken_rule_costs_the_others_nothing(signal):
    make_rule()
    AlertRule.objects.create(name="Broken", signal="no.such", threshold=1)
    signal.set(7)
    done = evaluate(now=at(0))
    assert (done.fired, list(done.errors)) == (1, ["Broken"])


def test_a_rule_switched_off_has_its_alerts_resolved(signal):
    rule = make_rule()
    signal.set(7)
    evaluate(now=at(0))
    AlertRule.objects.filter(pk=rule.pk).update(is_enabled=False)
    evaluate(now=at(10))
    assert (Alert.objects.get().state, kinds()) == ("resolved", ["firing", "resolved"])


def test_a_deleted_rule_leaves_its_history(signal):
    rule = make_rule()
    signal.set(7)
    evaluate(now=at(0))
    with transaction.atomic():
        end_alerts(rule)
        rule.delete()
    alert = Alert.objects.get()
    assert (alert.state, alert.rule, alert.rule_name) == ("resolved", None, "Scripted")
    assert kinds() == ["firing", "resolved"]


def test_a_value_that_is_missing_is_no_breach(signal):
    make_rule(comparison="at_most")
    signal.set(None)
    assert evaluate(now=at(0)).fired == 0


def test_an_evaluator_that_lost_its_lease_writes_nothing(signal):
    make_rule()
    signal.set(7)
    term = acquire("alerts", 20)
    force_release("alerts")
    with pytest.raises(LeaseLost):
        evaluate(term, now=at(0))
    assert not Alert.objects.exists()
    assert kinds() == []


def test_the_schema_refuses_a_second_open_alert(signal):
    make_rule()
    signal.set(7)
    evaluate(now=at(0))
    alert = Alert.objects.get()
    alert.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        alert.save(force_insert=True)


def test_a_trial_steps_through_thirty_days_and_stores_nothing(signal):
    rule = make_rule(threshold=9, calm_seconds=0)
    trial = try_rule(rule, NOON)
    assert [alert.fired_at.day for alert in trial.firings] == [30, 9, 19]
    assert not Alert.objects.exists()


def test_a_trial_refuses_what_keeps_no_past():
    rule = AlertRule(name="x", signal="spool.refused", threshold=1)
    assert "not kept" in try_rule(rule, NOON).refusal
