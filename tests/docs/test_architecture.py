"""The map of docs/architecture.md: its tree is the folders', its walks are short and real."""

import re

import pytest

from tests.docs import ROOT
from tests.docs.tree import BEGIN, DOCUMENT, END, tree

WALKS = (
    "Where does an event become a row?",
    "Where is a percentile computed?",
    "Which requests does the proxy refuse?",
    "What happens after “Add key” is clicked?",
    "Where is the lease renewed?",
)
MOST_FILES = 8


def test_the_tree_is_that_of_the_folders():
    written = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    assert written == tree(), "make docs writes it anew"


def steps_of(title: str) -> list[tuple[str, str]]:
    """Each step of a walk: its file, and what is said of it."""
    flags = re.MULTILINE | re.DOTALL
    section = re.search(rf"^### {re.escape(title)}$(.*?)(?=^##)", DOCUMENT.read_text(), flags)
    assert section, title
    return re.findall(r"^\d\. `([^`]+)`: (.*?)(?=^\d\. |\Z)", section[1], flags)


@pytest.mark.parametrize("title", WALKS)
def test_a_walk_is_short_and_its_files_exist(title: str):
    files = [file for file, _ in steps_of(title)]
    assert 2 <= len(files) <= MOST_FILES
    assert [file for file in files if not (ROOT / file).is_file()] == []


@pytest.mark.parametrize("title", WALKS)
def test_the_names_in_a_walk_are_those_of_its_files(title: str):
    missing = [
        f"{file}: {name}"
        for file, text in steps_of(title)
        for name in re.findall(r"`(\w+)`", text)
        if not re.search(rf"\b{name}\b", (ROOT / file).read_text())
    ]
    assert missing == []
