"""Pages in every language: nothing English is left, and what is drawn keeps plain numbers."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from tests.factories import make_user
from tests.pages.walk.looking import messages
from tests.pages.world import STATES, signed_in

pytestmark = pytest.mark.django_db(transaction=True)
# Words of English sentences that neither German nor names of things have.
ENGLISH = re.compile(r"(?<![\w-])(the|of|and|with|not|are|is|from|that|its|for|by|to)(?![\w-])")
HUMAN = ("title", "aria-label", "placeholder", "alt", "data-confirm")
# What is shown as it was recorded, written by a machine, or the same everywhere.
AS_IT_IS = ("code", "pre", "time", "textarea", "script", "style")
DRAWN = ("x", "y", "x1", "x2", "y1", "y2", "width", "height", "d", "style")


class Texts(HTMLParser):
    """What people read of a page, and the numbers by which things are drawn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.drawn: list[str] = []
        self._within = 0
        # Documents are in English, and say so.
        self._english: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self._within += tag in AS_IT_IS
        is_english = tag != "html" and ("lang", "en") in attributes and tag != "option"
        if is_english or (self._english and self._english[-1] == tag):
            self._english.append(tag)
        if self._english:
            return
        self.texts += [value or "" for name, value in attributes if name in HUMAN]
        self.drawn += [value or "" for name, value in attributes if name in DRAWN]

    def handle_endtag(self, tag: str) -> None:
        self._within -= tag in AS_IT_IS
        if self._english and self._english[-1] == tag:
            self._english.pop()

    def handle_data(self, data: str) -> None:
        if not self._within and not self._english and data.strip():
            self.texts.append(" ".join(data.split()))


def speaking(client: Client, language: str) -> Client:
    client.post("/language/", {"language": language})
    return client


def walk(client: Client, paths: list[str]) -> dict[str, Texts]:
    found = {}
    for path in paths:
        response = client.get(path, follow=True)
        if response.headers["Content-Type"].startswith("text/html"):
            found[path] = Texts(response.content.decode())
    return found


@pytest.fixture(params=["de", "zh-hans"])
def language(request, settings) -> str:
    """Of the page and, before anything is recorded in it, of the installation."""
    settings.DEFAULT_LANGUAGE = request.param
    return request.param


def test_no_page_of_staff_has_english_left(language, world):
    client = speaking(world.clients["admin"], language)
    walked = walk(client, [*world.addresses("admin"), *STATES])
    translated = messages(language)
    left = {
        f"{path}: {text}"
        for path, page in walked.items()
        for text in page.texts
        if ENGLISH.search(text) or text in translated
    }
    assert sorted(left) == []
    commas = {
        f"{path}: {value}"
        for path, page in walked.items()
        for value in page.drawn
        if re.search(r"\d,\d+(%|px|\b)(?![\d, ]*\d+,)", value) and "points" not in value
    }
    assert sorted(commas) == []


SENTENCES = {
    "en": ["Usage, accounts and health of your CLIProxyAPI.", "Sign in"],
    "de": ["Nutzung, Konten und Zustand der CLIProxyAPI.", "Anmelden"],
    "zh-hans": ["您的 CLIProxyAPI 的用量、账号与健康状况。", "登录"],
}


@pytest.mark.parametrize("language", SENTENCES)
def test_the_first_page_speaks_the_language(client: Client, language: str):
    page = client.get("/login/", headers={"Accept-Language": language}).content.decode()
    for sentence in SENTENCES[language]:
        assert sentence in page


def test_figures_and_dates_are_written_as_the_language_does(world):
    client = world.clients["admin"]
    events = speaking(client, "de").get("/usage/events/").content.decode()
    assert re.search(r">\d\d\.\d\d\. \d\d:\d\d:\d\d</time>", events)
    assert re.search(
        r"\d\d-\d\d \d\d:\d\d:\d\d</time>",
        speaking(client, "zh-hans").get("/usage/events/").content.decode(),
    )


def test_a_refused_form_says_so_in_the_language():
    client = speaking(signed_in(make_user("ada")), "de")
    page = client.get("/usage/", {"from": "yesterday"}).content.decode()
    assert "erwartet wird ein Tag als YYYY-MM-DD" in page
    response = client.get("/api/usage/summary", {"from": "yesterday"})
    assert "expected a day as YYYY-MM-DD" in response.content.decode()
