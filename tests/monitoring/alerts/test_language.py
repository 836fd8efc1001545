"""Messages are in the installation's language, whoever and whatever decides them."""

from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import get_language, override

from monitoring.alerts import actions
from monitoring.alerts.default_rules import store_missing
from monitoring.alerts.delivery.attempts import parcel_of
from monitoring.alerts.engine import evaluate
from monitoring.alerts.messages import title
from monitoring.models import Alert, AlertMessage, AlertRule
from tests.factories import make_user
from tests.monitoring.alerts.receiver import make_channel, receiver
from tests.monitoring.alerts.rules import make_rule, scripted_signal

pytestmark = pytest.mark.django_db


def test_what_is_sent_is_in_the_installations_language(settings, monkeypatch):
    settings.DEFAULT_LANGUAGE = "de"
    settings.PRIVATE_PROVIDER_NETWORKS = ["127.0.0.0/8"]
    spoken: list[str | None] = []
    with scripted_signal() as signal, receiver() as arrived, override("en"):
        rule = make_rule()
        channel = make_channel(arrived.url)
        signal.set(1234, "east")
        evaluate()
        assert "1.234" in AlertMessage.objects.get().text
        # A person whose page is in English ends it.
        actions.delete_rule(rule, make_user("ada", staff=True))
        assert "1.234" in AlertMessage.objects.get(kind="resolved").text
        monkeypatch.setattr(
            "monitoring.alerts.actions.gettext", lambda text: spoken.append(get_language()) or text
        )
        actions.test_channel(channel, make_user("eve", staff=True))
    assert set(spoken) == {"de"}
    assert Alert.objects.get().state == Alert.State.RESOLVED


def test_what_delivery_adds_is_in_that_language_too(settings):
    settings.DEFAULT_LANGUAGE = "de"
    message = AlertMessage(
        id=uuid4(), text="Bedingung", severity="warning", may_repeat=True, created_at=timezone.now()
    )
    parcel = parcel_of(message, make_channel("http://127.0.0.1:9/"))
    assert parcel["text"].splitlines() == [
        "Vielleicht doppelt: ein früherer Versuch kam vielleicht an.",
        "Bedingung",
        f"ID: {message.pk}",
    ]


def test_names_of_shipped_rules_are_translated_and_an_operators_are_not(admin_client: Client):
    store_missing()
    shipped = AlertRule.objects.get(code="disk_full")
    own = make_rule(name="Prices", signal="usage.dead_letters")
    alert = Alert(rule=shipped, rule_name=shipped.name, subject="east", severity="warning")
    with override("de"):
        assert title("firing", shipped, [alert]) == "[Warnung] Platte fast voll: east"
        assert title("firing", own, [alert]) == "[Warnung] Prices: east"
    admin_client.cookies["language"] = "de"
    for rule, name in ((shipped, "Platte fast voll"), (own, "Prices")):
        page = admin_client.get(f"/monitoring/alerts/rules/{rule.pk}/").content.decode()
        assert f"<h1>{name}</h1>" in page
