"""Messages are in the installation's language, whoever and whatever decides them."""

import pytest
from django.utils.translation import get_language, override

from monitoring.alerts import actions
from monitoring.alerts.engine import evaluate
from monitoring.models import Alert, AlertMessage
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
