"""Messages are in the language of their channel, else the installation's, whoever and whatever
decides them; pages show what was found in the reader's."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.translation import get_language, override

from monitoring.alerts import actions, signals
from monitoring.alerts.default_rules import store_missing
from monitoring.alerts.delivery.attempts import parcel_of
from monitoring.alerts.engine import evaluate
from monitoring.alerts.messages import title
from monitoring.alerts.signals import Measurement, Reading
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule
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


def speaking(query: Measurement) -> list[Reading]:
    return [Reading(9, "east", f"found in {get_language()}")]


def test_each_channel_has_messages_in_its_language():
    with scripted_signal():
        make_rule()
        signals.register(replace(signals.signal_named("test.scripted"), measure=speaking))
        for name, language in (("all", ""), ("Berlin", "de"), ("Shanghai", "zh-hans")):
            make_channel("http://127.0.0.1:9/", name=name, language=language)
        evaluate()
    sent = {message.channel_name: message for message in AlertMessage.objects.all()}
    assert sent["all"].title == "[warning] Scripted: east"
    assert sent["Berlin"].title == "[Warnung] Scripted: east"
    assert sent["Shanghai"].title.startswith("[警告]")
    assert "found in de" in sent["Berlin"].text
    assert sent["Berlin"].content["alerts"][0]["detail"] == "found in de"
    assert "found in en" in sent["all"].text
    since = Alert.objects.get().pending_since
    assert f"Seit: {since:%d.%m.%Y %H:%M:%S} UTC" in sent["Berlin"].text
    assert f"Since: {since:%Y-%m-%d %H:%M:%S} UTC" in sent["all"].text


def test_page_shows_what_was_found_in_the_readers_language(admin_client: Client):
    with scripted_signal():
        make_rule()
        signals.register(replace(signals.signal_named("test.scripted"), measure=speaking))
        evaluate()
        for language in ("en", "de", "zh-hans"):
            admin_client.post("/language/", {"language": language})
            page = admin_client.get("/monitoring/alerts/").content.decode()
            assert f"found in {language}" in page


def test_language_of_a_channel_is_chosen_in_its_form(admin_client: Client):
    form = {"name": "Berlin", "kind": "apprise", "address": "json://127.0.0.1/", "language": "de"}
    admin_client.post("/monitoring/alerts/channels/new/", form | {"least_severity": "notice"})
    assert AlertChannel.objects.get().written_in == "de"


def test_language_that_was_removed_is_the_installations(settings):
    assert AlertChannel(language="tlh").written_in == settings.DEFAULT_LANGUAGE


def test_what_delivery_adds_is_in_that_language_too(settings):
    settings.DEFAULT_LANGUAGE = "de"
    message = AlertMessage(
        id=uuid4(), text="Bedingung", severity="warning", may_repeat=True, created_at=timezone.now()
    )
    parcel = parcel_of(message, make_channel("http://127.0.0.1:9/"))
    assert parcel["text"].splitlines() == [
        "Vielleicht doppelt: Ein früherer Versuch kam vielleicht an.",
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
