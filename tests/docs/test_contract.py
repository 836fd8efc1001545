"""Every section of the upstream's contract that is cited anywhere exists."""

import re

import pytest

from tests.docs import ROOT, repository_files

CONTRACT = ROOT / "docs" / "upstream-contract.md"
NUMBER = r"\d+(?:\.\d+)?(?:-\d+)?"
CITATION = re.compile(
    rf"\bcontract,?(?: sections?)? ({NUMBER}(?:(?:,| and| to|, and| or) {NUMBER})*)"
)
SOURCES = ("*.py", "*.md", "*.html", "*.js", "*.toml", "Makefile")


def cited(text: str) -> set[str]:
    """The sections that a text cites, also across the lines of a comment."""
    flowing = re.sub(r"\s*\n\s*(?:#|//|\*)?\s*", " ", text)
    return {
        number.partition("-")[0]
        for found in CITATION.finditer(flowing)
        for number in re.findall(NUMBER, found[1])
    }


def sections() -> set[str]:
    """The numbers of the contract's headings."""
    return set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", CONTRACT.read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("as contract 6.5 says", {"6.5"}),
        ("(contract 8.1 to 8.3).", {"8.1", "8.3"}),
        ("contract 5.1, 8.9, 2.6", {"5.1", "8.9", "2.6"}),
        ("# the contract\n    # section 10.", {"10"}),
        ("contract 6.5-3", {"6.5"}),
        ("the contract has 12 sections", set()),
    ],
)
def test_citations_are_found_in_every_form(text: str, numbers: set[str]):
    assert cited(text) == numbers


def test_every_cited_section_exists():
    known = sections()
    missing = {
        str(file.relative_to(ROOT)): dead
        for file in repository_files(*SOURCES)
        if file.name != "test_contract.py" and (dead := cited(file.read_text()) - known)
    }
    assert missing == {}


def test_the_code_does_cite_it():
    texts = [file.read_text() for file in repository_files("*.py")]
    assert sum(bool(cited(text)) for text in texts) > 40


def test_no_document_is_cited_by_section_that_is_not_here():
    design = re.compile(r"\bdesign(?:\.md)?,? \d")
    citing = [
        str(file.relative_to(ROOT))
        for file in repository_files(*SOURCES)
        if file.name != "test_contract.py" and design.search(" ".join(file.read_text().split()))
    ]
    assert citing == []
