"""A document in another language has all that the English one has, under the same fragments, and
its page is in the user's language."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from django.test import Client
from django.utils.html import escape
from django.utils.translation import to_language

from monitoring.web import documents
from tests.factories import make_user

TRANSLATIONS = sorted(documents.FOLDER.glob("*.*.md"))
BLOCKS = {"h2", "h3", "p", "ul", "ol", "li", "pre", "table", "tr", "th", "td"}
# The languages that have every document for operators; others begin with a catalogue alone.
COMPLETE = ("de", "zh-hans")


class Blocks(HTMLParser):
    """The blocks of a document in their order: what each is, and what it says in words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.shapes: list[tuple[str, str, list[str]]] = []
        self.words: list[str] = []
        self._is_code = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._is_code = self._is_code or tag == "code"
        if tag in BLOCKS:
            self.shapes.append((tag, given.get("id") or "", []))
            self.words.append("")
        elif tag == "a":
            self.shapes[-1][2].append(f"to {given['href']}")
        elif tag in ("strong", "code"):
            self.shapes[-1][2].append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._is_code = self._is_code and tag != "code"

    def handle_data(self, data: str) -> None:
        if self._is_code:
            self.shapes[-1][2].append(" ".join(data.split()))
        elif self.words:
            self.words[-1] += data


def both(file: Path) -> tuple[Blocks, Blocks]:
    """The blocks of a translation, and of its English document."""
    name, language = file.name.split(".")[:2]
    translated = documents.document(name, to_language(language))
    assert translated.language == to_language(language)
    return Blocks(translated.html), Blocks(documents.document(name).html)


@pytest.fixture(params=TRANSLATIONS, ids=lambda file: file.name)
def pair(request) -> tuple[Blocks, Blocks]:
    return both(request.param)


def test_a_translation_has_the_blocks_fragments_code_and_links_of_the_english_document(pair):
    translated, english = pair
    for ours, theirs in zip(translated.shapes, english.shapes, strict=False):
        assert (*ours[:2], sorted(ours[2])) == (*theirs[:2], sorted(theirs[2]))
    assert len(translated.shapes) == len(english.shapes)


def test_no_sentence_of_a_translation_is_left_in_english(pair):
    translated, english = pair
    sentences = {words for words in english.words if len(re.findall(r"\S*\w\S*", words)) > 3}
    assert sentences & set(translated.words) == set()


@pytest.mark.parametrize("language", COMPLETE)
def test_every_document_for_operators_is_in_their_language(language: str):
    assert {entry.language for entry in documents.entries(language)} == {language}
    assert len({entry.title for entry in documents.entries(language)}) == len(documents.entries())


@pytest.mark.django_db
@pytest.mark.parametrize("language", [*COMPLETE, "en"])
def test_a_document_leads_to_all_others_under_their_titles(language: str):
    client = Client(headers={"Accept-Language": language})
    client.force_login(make_user())
    page = client.get("/monitoring/documents/costs/").content.decode()
    for entry in documents.entries(language):
        assert f'href="/monitoring/documents/{entry.name}/"' in page
        assert escape(entry.title) in page
    assert page.count('aria-current="page"') == 1


NOT_TRANSLATED = {
    "en": "This document is not translated yet",
    "de": "Dieses Dokument ist noch nicht übersetzt",
    "zh-hans": "此文档尚未翻译",
}


@pytest.mark.django_db
@pytest.mark.parametrize("language", NOT_TRANSLATED)
def test_the_page_is_in_the_users_language_or_says_that_it_is_in_english(language: str):
    client = Client(headers={"Accept-Language": language})
    client.force_login(make_user())
    runbook = client.get("/monitoring/runbook/").content.decode()
    assert f'<article class="card document" lang="{language}">' in runbook
    assert 'id="finding-upstream-clock"' in runbook
    assert NOT_TRANSLATED[language] not in runbook
    for_developers = client.get("/monitoring/documents/architecture/").content.decode()
    assert '<article class="card document" lang="en">' in for_developers
    assert (NOT_TRANSLATED[language] in for_developers) == (language != "en")


@pytest.mark.django_db
def test_a_language_is_no_document_of_its_own(client: Client):
    client.force_login(make_user())
    assert client.get("/monitoring/documents/runbook.de/").status_code == 404
    assert "runbook.de" not in documents.names()
