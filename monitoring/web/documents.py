"""The documents of docs/ as pages, so that a finding, an alert or a failure class can link to what
to do about it. Their texts are Tollgate's own; links between them lead to their pages."""

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
from django.views.decorators.http import require_GET
from markdown.extensions.toc import TocExtension

FOLDER = Path(settings.BASE_DIR) / "docs"
RUNBOOK = "runbook"
_LINK = re.compile(r'href="(?P<name>[\w-]+)\.md(?P<fragment>#[\w-]*)?"')
# Lists may follow a line of text without an empty one, as where the documents are read otherwise.
_EXTENSIONS = ("tables", "fenced_code", "sane_lists")


@dataclass(frozen=True)
class Document:
    """The title of a document, and its text as HTML."""

    title: str
    html: str


def slug(heading: str, separator: str = "-") -> str:
    """The fragment by which a heading is linked, here and on the pages of code hosts."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


@cache
def names() -> frozenset[str]:
    """The documents there are."""
    return frozenset(file.stem for file in FOLDER.glob("*.md"))


@cache
def document(name: str) -> Document:
    """A document of docs/; raises KeyError for one that does not exist."""
    if name not in names():
        raise KeyError(name)
    head, _, text = (FOLDER / f"{name}.md").read_text().partition("\n")
    toc = TocExtension(slugify=slug, marker="")
    html = markdown.markdown(text, extensions=[toc, *_EXTENSIONS])
    return Document(head.removeprefix("# "), _LINK.sub(_address, html))


def _address(link: re.Match[str]) -> str:
    name, fragment = link["name"], link["fragment"] or ""
    address = reverse("monitoring:document", args=[name]) if name in names() else ""
    return f'href="{address}{fragment}"'


@require_GET
@login_required
def page(request: HttpRequest, name: str = RUNBOOK) -> HttpResponse:
    """A document; without a name the runbook."""
    try:
        found = document(name)
    except KeyError:
        raise Http404(f"No document {name}.") from None
    return render(request, "monitoring/document.html", {"document": found})
