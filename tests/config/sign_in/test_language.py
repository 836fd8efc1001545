"""In which language a page speaks, and who decides it."""

import pytest
from django.test import Client, override_settings

from config.sign_in.models import Preferences
from tests.factories import make_user

pytestmark = pytest.mark.django_db
GERMAN = {"Accept-Language": "de-CH,en;q=0.5"}


def language_of(client: Client, address: str = "/login/", **headers: str) -> str:
    response = client.get(address, headers=headers)
    return response.headers["Content-Language"]


def test_a_browser_chooses(client: Client):
    assert language_of(client) == "en"
    assert language_of(client, **GERMAN) == "de"
    assert language_of(client, **{"Accept-Language": "tlh, zh-CN;q=0.8"}) == "zh-hans"


@override_settings(DEFAULT_LANGUAGE="de")
def test_the_default_is_for_browsers_that_prefer_none_of_ours(client: Client):
    assert language_of(client, **{"Accept-Language": "tlh"}) == "de"
    assert language_of(client, **{"Accept-Language": "en"}) == "en"


def test_the_page_names_its_language(client: Client):
    response = client.get("/login/", headers=GERMAN)
    assert '<html lang="de" dir="ltr">' in response.content.decode()
    assert {"Accept-Language", "Cookie"} <= set(response.headers["Vary"].split(", "))


def test_a_choice_before_signing_in_is_kept_in_the_browser(client: Client):
    response = client.post("/language/", {"language": "zh-hans", "next": "/login/?next=/usage/"})
    assert response.headers["Location"] == "/login/?next=/usage/"
    assert language_of(client, **GERMAN) == "zh-hans"


def test_a_choice_of_a_user_holds_in_every_browser():
    user = make_user("ada")
    first, second = Client(), Client()
    first.force_login(user)
    first.post("/language/", {"language": "de"})
    second.force_login(user)
    assert language_of(second, "/account/tokens/") == "de"


def test_a_choice_is_taken_back(client: Client):
    user = make_user("ada")
    client.force_login(user)
    client.post("/language/", {"language": "de"})
    client.post("/language/", {"language": ""})
    assert language_of(client, "/account/tokens/") == "en"
    assert Preferences.objects.get(user=user).language == ""


@pytest.mark.parametrize("language", ["tlh", "x" * 500, "../de", "\0"])
def test_an_unknown_language_is_none(client: Client, language: str):
    client.force_login(make_user("ada"))
    assert client.post("/language/", {"language": language}).status_code == 302
    assert language_of(client, "/account/tokens/") == "en"


@pytest.mark.parametrize(
    "page", ["https://elsewhere.example/", "//elsewhere.example", "javascript:x"]
)
def test_a_choice_leads_nowhere_else(client: Client, page: str):
    response = client.post("/language/", {"language": "de", "next": page})
    assert response.headers["Location"] == "/"


def test_machines_are_spoken_to_in_english(client: Client):
    client.post("/language/", {"language": "de"})
    for address in ("/api/health", "/healthz", "/metrics"):
        assert "Content-Language" not in client.get(address, headers=GERMAN).headers
