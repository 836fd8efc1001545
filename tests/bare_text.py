"""Finds texts in templates that no translation reaches: between tags, and in attributes that people
read or hear."""

import re
from collections.abc import Iterator

DJANGO = r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}"
IGNORED = re.compile(
    r"\{%\s*comment.*?endcomment\s*%\}|\{#.*?#\}|<!--.*?-->|<!doctype[^>]*>"
    r"|<(script|style)\b.*?</\1>",
    re.DOTALL | re.IGNORECASE,
)
TRANSLATED = re.compile(
    r"\{%\s*blocktrans(?:late)?\b.*?\{%\s*endblocktrans(?:late)?\s*%\}", re.DOTALL
)
# Attributes may hold Django's tags, and these quotes.
TAG = re.compile(
    rf"<[a-zA-Z/](?:{DJANGO}|\"(?:{DJANGO}|[^\"])*\"|'(?:{DJANGO}|[^'])*'|[^>\"'])*>", re.DOTALL
)
ATTRIBUTE = re.compile(
    rf"\b(title|aria-label|aria-description|placeholder|alt|data-confirm)="
    rf"\"((?:{DJANGO}|[^\"])*)\"",
    re.DOTALL,
)
WORDS_OF_FILTERS = re.compile(r"\|(?:default|default_if_none|yesno):([\"'])([^\"']*[a-z][^\"']*)\1")
# Names, units and signs that are the same everywhere.
NAMES = frozenset(
    (
        *(
            "Tollgate",
            "CLIProxyAPI",
            "CSV",
            "PNG",
            "JSON",
            "API",
            "p50",
            "p90",
            "p95",
            "p99",
            "s",
            "ms",
            "USD",
        ),
        *("config.yaml", "docs/runbook.md", "code", "state"),
    )
)
# What filters put into attributes for machines.
CODES = frozenset({"false,true", "true,false", "rtl,ltr"})


def bare_texts(template: str) -> Iterator[str]:
    """The texts of a template that are in one language only."""
    text = TRANSLATED.sub("", IGNORED.sub("", template))
    for tag in TAG.findall(text):
        yield from (value for _, value in ATTRIBUTE.findall(tag) if _has_words(value))
    yield from (found[1] for found in WORDS_OF_FILTERS.findall(text) if found[1] not in CODES)
    yield from (piece.strip() for piece in _pieces(text) if _has_words(piece))


def _pieces(text: str) -> list[str]:
    return re.split(rf"{TAG.pattern}|\{{%.*?%\}}", text, flags=re.DOTALL)


def _has_words(text: str) -> bool:
    plain = re.sub(rf"{DJANGO}|&#?\w+;", " ", text, flags=re.DOTALL)
    return any(re.search(r"[^\W\d_]", word) and word not in NAMES for word in _words(plain))


def _words(plain: str) -> list[str]:
    return [word.strip("#.,:;()…·–—/?=") for word in plain.split()]
