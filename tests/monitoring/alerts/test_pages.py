"""The pages of alerts: who may, what they show, and every act."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from monitoring.alerts.engine import evaluate
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule, AuditEntry
from tests.factories import make_user
from tests.monitoring.alerts.receiver import make_channel, receiver
from tests.monitoring.alerts.rules import Scripted, make_rule, scripted_signal

pytestmark = pytest.mark.django_db


@pytest.fixture
def signal() -> Iterator[Scripted]:
    with scripted_signal() as scripted:
        yield scripted


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("ada", staff=True))
    return client


@pytest.fixture
def fired(signal) -> Alert:
    make_rule()
    signal.set(7, "east")
    evaluate()
    return Alert.objects.get()


PAGES = ("alerts", "alert-history", "alert-rule-new", "alert-channel-new")


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_staff(staff, name):
    client = Client()
    assert client.get(reverse(f"monitoring:{name}")).status_code == 302
    client.force_login(make_user())
    assert client.get(reverse(f"monitoring:{name}")).status_code == 403
    assert staff.get(reverse(f"monitoring:{name}")).status_code == 200


def test_what_fires_is_on_the_page_the_panel_and_the_bell(staff, fired):
    page = staff.get(reverse("monitoring:alerts")).content.decode()
    assert "Scripted" in page
    assert "east" in page
    assert "Set it to nothing." in page
    assert staff.get(reverse("monitoring:alert-bell")).status_code == 302
    bell = staff.get(reverse("monitoring:alert-bell"), HTTP_HX_REQUEST="true").content.decode()
    assert 'aria-label="Alerts: 1 firing"' in bell
    assert "Scripted" in staff.get(reverse("monitoring:page")).content.decode()


def test_an_alert_is_acknowledged_with_a_name(staff, fired):
    staff.post(reverse("monitoring:alert-acknowledge", args=(fired.pk,)))
    fired.refresh_from_db()
    assert (fired.acknowledged_by, bool(fired.acknowledged_at)) == ("ada", True)
    assert AuditEntry.objects.filter(action="alert.acknowledged", actor="ada").exists()


def test_an_alert_and_a_rule_are_silenced_and_unsilenced(staff, fired):
    for name, pk in (("alert-silence", fired.pk), ("alert-rule-silence", fired.rule_id)):
        staff.post(reverse(f"monitoring:{name}", args=(pk,)), {"minutes": "60"})
    fired.refresh_from_db()
    assert fired.silenced_until
    assert fired.rule.silenced_by == "ada"
    staff.post(reverse("monitoring:alert-silence", args=(fired.pk,)), {"minutes": "0"})
    fired.refresh_from_db()
    assert fired.silenced_until is None
    wrong = reverse("monitoring:alert-silence", args=(fired.pk,))
    staff.post(wrong, {"minutes": "a while"})
    fired.refresh_from_db()
    assert fired.silenced_until is None


RULE = {
    "name": "Mine",
    "comparison": "at_least",
    "threshold": "9",
    "hold_seconds": "2 min",
    "calm_seconds": "300",
    "repeat_seconds": "4 h",
    "severity": "critical",
    "is_enabled": "on",
    "filter_colour": "red",
}


def new_rule_url() -> str:
    return f"{reverse('monitoring:alert-rule-new')}?signal=test.scripted"


def test_a_rule_is_created_tried_edited_switched_and_deleted(staff, signal):
    assert "Scripted value" in staff.get(new_rule_url()).content.decode()
    tried = staff.post(new_rule_url(), {**RULE, "hold_seconds": "0", "try": "1"})
    assert "It would have fired <strong>3</strong>" in tried.content.decode()
    assert not AlertRule.objects.filter(name="Mine").exists()
    assert staff.post(new_rule_url(), RULE).status_code == 302
    rule = AlertRule.objects.get(name="Mine")
    assert (rule.signal, rule.hold_seconds, rule.repeat_seconds, rule.filters) == (
        "test.scripted",
        120,
        14_400,
        {"colour": "red"},
    )
    edit = reverse("monitoring:alert-rule", args=(rule.pk,))
    assert 'value="2 min"' in staff.get(edit).content.decode()
    staff.post(edit, {**RULE, "threshold": "11"})
    rule.refresh_from_db()
    assert rule.threshold == 11
    staff.post(reverse("monitoring:alert-rule-switch", args=(rule.pk,)), {"on": "0"})
    rule.refresh_from_db()
    assert not rule.is_enabled
    staff.post(reverse("monitoring:alert-rule-delete", args=(rule.pk,)))
    assert not AlertRule.objects.filter(name="Mine").exists()
    acts = set(AuditEntry.objects.values_list("action", flat=True))
    assert acts >= {"alert_rule.created", "alert_rule.changed", "alert_rule.deleted"}


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("threshold", "many"),
        ("threshold", "nan"),
        ("hold_seconds", "a while"),
        ("calm_seconds", "99 d"),
        ("filter_colour", "blue"),
        ("severity", "dire"),
        ("name", ""),
    ],
)
def test_a_wrong_rule_is_refused_with_the_reason(staff, signal, field, wrong):
    response = staff.post(new_rule_url(), {**RULE, field: wrong})
    assert response.status_code == 400
    assert "field-error" in response.content.decode()


def test_a_shipped_rule_is_disabled_but_not_deleted(staff):
    rule = AlertRule.objects.get(code="collector_stalled")
    staff.post(reverse("monitoring:alert-rule-delete", args=(rule.pk,)))
    assert AlertRule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize("code", ["failures", "slow_first_token", "unusual_traffic", "drift"])
def test_shipped_rules_open(staff, code):
    rule = AlertRule.objects.get(code=code)
    edit = reverse("monitoring:alert-rule", args=(rule.pk,))
    assert staff.get(edit).status_code == 200


def test_a_shipped_rule_keeps_its_name_when_it_is_saved_in_another_language(staff):
    rule = AlertRule.objects.get(code="collector_stalled")
    edit, german = reverse("monitoring:alert-rule", args=(rule.pk,)), {"Accept-Language": "de"}
    assert 'value="Sammler steht still"' in staff.get(edit, headers=german).content.decode()
    form = {**RULE, "name": "Sammler steht still", "threshold": "50"}
    assert staff.post(edit, form, headers=german).status_code == 302
    rule.refresh_from_db()
    assert (rule.name, rule.threshold) == ("Collector stalled", 50)
    staff.post(edit, {**form, "name": "Mine"}, headers=german)
    rule.refresh_from_db()
    assert rule.name == "Mine"


def test_a_channel_is_created_tested_edited_and_deleted(staff, settings):
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.0/8"]
    fields = {"name": "hook", "kind": "webhook", "least_severity": "notice", "is_enabled": "on"}
    with receiver() as other:
        staff.post(reverse("monitoring:alert-channel-new"), {**fields, "address": other.url})
        channel = AlertChannel.objects.get()
        page = reverse("monitoring:alert-channel", args=(channel.pk,))
        shown = staff.get(page).content.decode()
        assert other.url not in shown
        assert channel.secret in shown
        tested = staff.post(
            reverse("monitoring:alert-channel-test", args=(channel.pk,)), follow=True
        )
        assert "The test was accepted: 204 No Content" in tested.content.decode()
        assert other.kinds == ["test"]
        other.status = 418
        tested = staff.post(
            reverse("monitoring:alert-channel-test", args=(channel.pk,)), follow=True
        )
        assert "The test was not accepted: 418" in tested.content.decode()
    assert set(AlertMessage.objects.values_list("state", flat=True)) == {
        "delivered",
        "undelivered",
    }
    staff.post(page, {**fields, "name": "renamed", "address": ""})
    channel.refresh_from_db()
    assert (channel.name, channel.address) == ("renamed", other.url)
    staff.post(reverse("monitoring:alert-channel-delete", args=(channel.pk,)))
    assert not AlertChannel.objects.exists()


@pytest.mark.parametrize(
    ("kind", "address"),
    [("apprise", ""), ("apprise", "no address"), ("webhook", "tgram://a/b"), ("smoke", "x://y")],
)
def test_a_wrong_channel_is_refused(staff, kind, address):
    response = staff.post(
        reverse("monitoring:alert-channel-new"),
        {"name": "x", "kind": kind, "address": address, "least_severity": "notice"},
    )
    assert response.status_code == 400
    assert not AlertChannel.objects.exists()


def test_history_shows_what_was_not_delivered(staff, signal):
    channel = make_channel("http://127.0.0.1:9/")
    make_rule(calm_seconds=0)
    signal.set(7)
    evaluate()
    AlertMessage.objects.update(state="undelivered", response="500 Oops")
    signal.set(1)
    evaluate()
    page = staff.get(reverse("monitoring:alert-history")).content.decode()
    assert "500 Oops" in page
    assert channel.name in page
    assert staff.get(reverse("monitoring:alert-history") + "?before=1").status_code == 200
    assert staff.get(reverse("monitoring:alert-history") + "?before=x").status_code == 200


def test_what_fires_cannot_inject_markup(staff, signal):
    make_rule()
    signal.set(7, "<script>alert(1)</script>")
    evaluate()
    assert "<script>alert" not in staff.get(reverse("monitoring:alerts")).content.decode()
