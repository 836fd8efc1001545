"""Why an item is refused, or what it has now, is stored in English and shown to each reader in
their language, whoever planned the act."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from providers.models import BulkAct
from tests.pages.world import signed_in
from tests.providers.bulk.test_bulk import FILE, account_file

pytestmark = pytest.mark.django_db
NO_JSON = ("text.json", b"no json")
THERE = (FILE, account_file("carol@example.com"))


@pytest.fixture
def browser(upstream, ada):
    browser = signed_in(ada)
    browser.post("/language/", {"language": "de"})
    return browser


def test_reasons_of_files_are_in_english_and_shown_in_the_language_of_the_reader(browser):
    sent = [SimpleUploadedFile(name, content) for name, content in (NO_JSON, THERE)]
    address = browser.post("/providers/acts/upload/", {"file": sent}).url
    reasons = dict(BulkAct.objects.get().items.values_list("name", "reason"))
    assert reasons["text.json"] == "The file is not JSON (line 1)."
    assert reasons[FILE] == "A file of that name exists upstream."
    shown = browser.get(address).content.decode()
    assert "Die Datei ist kein JSON (Zeile 1)." in shown
    assert not any(reason in shown for reason in reasons.values())
    browser.post("/language/", {"language": "en"})
    assert all(reason in browser.get(address).content.decode() for reason in reasons.values())


def test_reasons_of_accounts_are_in_english_and_the_refusal_of_the_act_is_not(browser, upstream):
    form = {"upstream": upstream.name, "subject": "account", "name": [FILE], "value": ""}
    browser.post("/providers/acts/choose/", {**form, "verb": "delete"})
    reason = "Its tokens are lost; connecting it again needs a new login."
    assert BulkAct.objects.get().items.get().reason == reason
    refused = browser.post(
        "/providers/acts/choose/", {**form, "verb": "priority", "value": "x"}, follow=True
    )
    assert "Expected a whole number." not in refused.content.decode()
