"""What became of a change is recorded in English, whoever's request carried it out, and shown in
each reader's language."""

import pytest
from django.utils.translation import override

from monitoring.texts.recorded import Recorded, in_language
from providers.accounts.changes import DeleteAccount, SwitchAccount
from providers.configuration.changes import SetSwitch
from providers.funnel.writes import perform
from providers.models import Intent
from tests.factories import make_user
from tests.pages.world import signed_in
from tests.providers.conftest import add_key

pytestmark = pytest.mark.django_db(transaction=True)
GONE = "The upstream has no such account any more."


def test_refusal_is_recorded_in_english_by_a_request_in_german(upstream):
    with override("de"):
        intent = perform(upstream, SwitchAccount(name="none.json", disabled=True))
        assert in_language(intent.error) == "Der Upstream hat dieses Konto nicht mehr."
    assert (intent.state, intent.error) == (Intent.State.FAILED, GONE)


def test_page_of_changes_is_in_the_readers_language(upstream, client):
    ada = make_user("ada", staff=True)
    perform(upstream, add_key(upstream, "sk-0123456789abcdef0123456789"), ada)
    perform(upstream, SwitchAccount(name="none.json", disabled=True), ada)
    reader = signed_in(ada)
    reader.post("/language/", {"language": "de"})
    page = reader.get("/providers/changes/").content.decode()
    assert "Client-Schlüssel …6789 hinzufügen" in page
    assert "Konto none.json deaktivieren" in page
    assert "Der Upstream hat dieses Konto nicht mehr." in page
    assert GONE not in page


@pytest.mark.parametrize(
    "change",
    [DeleteAccount(name="a.json"), SetSwitch(path="debug", value=True)],
    ids=lambda change: change.kind,
)
def test_titles_are_recorded_texts(change):
    assert any(known.form.fullmatch(change.title) for known in Recorded.known)
