"""Rules are restricted by names: chosen on the form, stored as numbers, shown as names."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from monitoring.alerts.messages import condition
from monitoring.models import AlertRule
from providers.models import ClientKey
from tests.factories import make_event, make_upstream, make_user, store

pytestmark = pytest.mark.django_db
RULE = {
    "name": "Mine",
    "comparison": "at_least",
    "threshold": "9",
    "window_seconds": "10 min",
    "hold_seconds": "0",
    "calm_seconds": "300",
    "repeat_seconds": "4 h",
    "severity": "critical",
    "is_enabled": "on",
}


def url() -> str:
    return reverse("monitoring:alert-rule-new") + "?signal=usage.attempts"


@pytest.fixture
def keys() -> list[ClientKey]:
    upstream = make_upstream()
    store(upstream, make_event(api_key="sk-of-ada"), make_event(api_key="sk-of-bob", model="m-2"))
    found = list(ClientKey.objects.order_by("pk"))
    ClientKey.objects.filter(pk=found[0].pk).update(name="Laptop", owner=make_user("ada"))
    return list(ClientKey.objects.order_by("pk"))


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(make_user("eve", staff=True))
    return client


def test_a_key_is_chosen_by_name(staff, keys):
    form = staff.get(url()).content.decode()
    name = keys[0].display_name
    assert f'<option value="{name}">' in form
    assert '<option value="m-2">' in form
    assert '<option value="ada">' in form
    chosen = {"filter_key": name, "filter_model": "not seen yet"}
    assert staff.post(url(), {**RULE, **chosen}).status_code == 302
    rule = AlertRule.objects.get(name="Mine")
    assert rule.filters == {"key": str(keys[0].pk), "model": "not seen yet"}
    assert f"client key {name}" in condition(rule)
    edit = staff.get(reverse("monitoring:alert-rule", args=(rule.pk,))).content.decode()
    assert f'value="{name}"' in edit


def test_a_name_that_nothing_has_is_refused(staff, keys):
    response = staff.post(url(), {**RULE, "filter_key": "nothing of that name"})
    assert response.status_code == 400
    assert "nothing has this name" in response.content.decode()


def test_equal_names_are_told_apart(staff, keys):
    ClientKey.objects.update(name="Laptop", last_four="1234")
    twin = ClientKey.objects.get(pk=keys[1].pk).display_name
    assert staff.post(url(), {**RULE, "filter_key": f"{twin} ({keys[1].pk})"}).status_code == 302
    assert AlertRule.objects.get(name="Mine").filters == {"key": str(keys[1].pk)}


@pytest.mark.parametrize(
    ("signal", "filters", "shown"),
    [
        ("usage.failure_rate", {"failure_class": "plan_limit"}, "Tarifgrenze erreicht"),
        ("upstream.access", {"reason": "banned"}, "gesperrt"),
        ("usage.failure_rate", {"failure_class": "no_such_class"}, "no_such_class"),
    ],
)
def test_values_of_closed_sets_are_shown_by_their_names(signal, filters, shown):
    with override("de"):
        assert condition(AlertRule(signal=signal, threshold=1, filters=filters)).endswith(shown)
