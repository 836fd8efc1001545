"""The documents of docs/ as pages, so that a finding, an alert or a failure class can link to what
to do about it. Their texts are Tollgate's own; links between them lead to their pages.

`docs/runbook.md` in another language is `docs/runbook.<language>.md`, named like the folder of the
language's catalogue. A document without a file in the user's language is shown in English, under a
line that states so. Translated headings keep the fragments of the English ones
(`<a id="..."></a>`), so that a link leads to its section in every language.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import markdown
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language, to_locale
from django.views.decorators.http import require_GET
from markdown.extensions.toc import TocExtension

FOLDER = Path(settings.BASE_DIR) / "docs"
RUNBOOK = "runbook"
ENGLISH = "en"
# What an installation is used and run by, in the order in which pages list it; the others are for
# developers, and in English alone.
FOR_OPERATORS = (
    *(RUNBOOK, "failures", "alerts", "clients", "access", "costs", "charts", "logs"),
    *("configuration", "metrics", "tracing", "scaling", "rollout", "languages"),
)
_LINK = re.compile(r'href="(?P<name>[\w-]+)(?:\.\w+)?\.md(?P<fragment>#[\w-]*)?"')
_NAMED_HEADING = re.compile(r'(<h\d id=")[^"]*("[^>]*>)<a id="([^"]+)"></a>')
# Lists may follow a line of text without an empty one, as where the documents are read otherwise.
_EXTENSIONS = ("tables", "fenced_code", "sane_lists")


@dataclass(frozen=True)
class Document:
    """The title of a document, its text as HTML, and the language of both."""

    title: str
    html: str
    language: str


@dataclass(frozen=True)
class Entry:
    """A document in a list: its name, its title, and the language of that."""

    name: str
    title: str
    language: str


def slug(heading: str, separator: str = "-") -> str:
    """The fragment by which a heading is linked, here and on the pages of code hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


@cache
def names() -> frozenset[str]:
    """The documents there are, whatever languages each is in."""
    return frozenset(file.stem for file in FOLDER.glob("*.md") if "." not in file.stem)


@cache
def document(name: str, language: str = ENGLISH) -> Document:
    """A document of docs/, in English if the language lacks it; raises KeyError for one that does
    not exist."""
    if name not in names():
        raise KeyError(name)
    return _read(*_source(name, language))


@cache
def entries(language: str = ENGLISH) -> tuple[Entry, ...]:
    """The documents for operators, as a list of them shows them."""
    sources = ((name, *_source(name, language)) for name in FOR_OPERATORS)
    return tuple(Entry(name, _parts(file)[0], spoken) for name, file, spoken in sources)


def _source(name: str, language: str) -> tuple[Path, str]:
    """The file to show, and its language."""
    translated = FOLDER / f"{name}.{to_locale(language)}.md"
    return (translated, language) if translated.exists() else (FOLDER / f"{name}.md", ENGLISH)


def _parts(file: Path) -> tuple[str, str]:
    """The title of a document, and the text below it."""
    head, _, text = file.read_text(encoding="utf-8").partition("\n")
    return head.removeprefix("# "), text


def _read(file: Path, language: str) -> Document:
    title, text = _parts(file)
    toc = TocExtension(slugify=slug, marker="")
    html = markdown.markdown(text, extensions=[toc, *_EXTENSIONS])
    html = _NAMED_HEADING.sub(r"\1\3\2", html)
    return Document(title, _LINK.sub(_address, html), language)


def _address(link: re.Match[str]) -> str:
    name, fragment = link["name"], link["fragment"] or ""
    address = reverse("monitoring:document", args=[name]) if name in names() else ""
    return f'href="{address}{fragment}"'


@require_GET
@login_required
def page(request: HttpRequest, name: str = RUNBOOK) -> HttpResponse:
    """A document, in the user's language where it is translated; without a name the runbook."""
    language = get_language() or ENGLISH
    try:
        found = document(name, language)
    except KeyError:
        raise Http404(f"No document {name}.") from None
    shown = {
        "document": found,
        "is_translated": found.language == language,
        "name": name,
        "entries": entries(language),
    }
    return render(request, "monitoring/document.html", shown)
