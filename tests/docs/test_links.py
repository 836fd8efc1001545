"""Every document is in the index, no link is dead, and every file that is named exists."""

import re
from pathlib import Path

import pytest

from tests.docs import ROOT, repository_files

DOCUMENTS = repository_files("*.md")
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED = re.compile(r"`([\w.-]+(?:/[\w.-]+)*\.(?:py|html|css|js|md|toml|yml|yaml|txt))`")
# They name files of this repository, by their path from its root.
MAPS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/architecture.md")


def anchors(document: Path) -> set[str]:
    """The fragments that a document's headings can be linked by."""
    text = document.read_text()
    headings = re.findall(r"^#+ (?:<a [^>]*></a>)?(.+)$", text, re.MULTILINE)
    named = set(re.findall(r'<a id="([^"]+)"></a>', text))
    return named | {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in headings}


def test_the_index_names_every_document():
    index = ROOT / "docs" / "README.md"
    linked = {target.partition("#")[0] for target in LINK.findall(index.read_text())}
    documents = {file.name for file in (ROOT / "docs").glob("*.md")} - {index.name}
    assert documents <= linked


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_relative_link_is_dead(document: Path):
    dead = []
    for link in LINK.findall(document.read_text()):
        target, _, fragment = link.partition("#")
        if ":" in target:
            continue
        file = (document.parent / target).resolve() if target else document
        if not file.exists() or (fragment and fragment not in anchors(file)):
            dead.append(link)
    assert dead == []


@pytest.mark.parametrize("name", MAPS)
def test_every_file_that_is_named_exists(name: str):
    named = {path for path in NAMED.findall((ROOT / name).read_text()) if "/" in path}
    assert {path for path in named if not (ROOT / path).exists()} == set()
