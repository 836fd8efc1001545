"""Secrets taken out of what is stored, logged or shown: one list of what they look like, one rule
for how much of one may be seen.

A secret is found in three ways
* by its look (`without_secrets`): keys and tokens of providers and our own, what follows `Bearer`,
  the user in an address, secrets in its query;
* by the name it goes by (`SECRET_NAME`, `masked`);
* because the caller knows it (`without_secrets(text, secret)`).

Of a secret of sixteen characters or more the last four may be seen (`last4`), since people tell
their keys apart by them: twelve stay hidden, too many to guess, even for who knows a hash of the
whole. Of a shorter one nothing may be seen; the keys that providers issue are longer.

`without_secrets` is on the hot path of ingest. Each alternative of its pattern begins with plain
characters, so that the regular expression engine can leap to the next possible place; boundaries
are looked for behind them.
"""

import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from django.conf import settings

MASK = "[masked]"
HIDDEN_USER = "…"
LONGEST_TEXT = 500
MOST_ITEMS = 100
DEEPEST = 8
SHORTEST_SHOWN_IN_PART = 16
# A shorter one would be replaced all over a text where it is meant nowhere.
SHORTEST_KNOWN = 4

NAMES_OF_SECRETS = r"key|token|secret|passw\w*|authorization|cookie|credential|private|bearer"
SECRET_NAME = re.compile(NAMES_OF_SECRETS, re.IGNORECASE)
# In what we keep, these may hold a secret, or an address with one.
_SECRET_NAME_KEPT = re.compile(
    rf"{NAMES_OF_SECRETS}|^code$|redirect.?url|proxy.?url|header", re.IGNORECASE
)
# These tell of a secret without being it.
_HARMLESS_NAME = re.compile(
    r"(?:^|[_-])(?:id|ids|name|names|count|counts|prefix|last4|masked|hint|state|kind|provider|"
    r"family|hash|at)$",
    re.IGNORECASE,
)


def _key(prefix: str, rest: str) -> str:
    """A key of that prefix, unless it is the end of a word (`task-force`); an escape is none."""
    begins = rf"(?<![A-Za-z0-9]{prefix})"
    escaped = rf"(?<=\\[nrt]{prefix})|(?<=\\u[0-9A-Fa-f]{{4}}{prefix})"
    encoded = rf"(?<=%[0-9A-Fa-f]{{2}}{prefix})"
    return rf"{prefix}(?:{begins}|{escaped}|{encoded}){rest}"


_KEYS = (
    *(
        _key(prefix, "[-_][A-Za-z0-9_-]{6,}")
        for prefix in ("sk", "pk", "rk", "gsk", "xai", "tgp", "tollgate")
    ),
    _key("AIza", "[A-Za-z0-9_-]{6,}"),
    _key(r"ya29\.", "[A-Za-z0-9._-]{6,}"),
    _key("eyJ", "[A-Za-z0-9_-]{8,}[.A-Za-z0-9_-]*"),  # a JSON web token
    *(_key(f"gh{kind}_", "[A-Za-z0-9]{6,}") for kind in "oprsu"),
    _key("github_pat_", "[A-Za-z0-9_]{6,}"),
)
KEY_LOOK = "|".join(_KEYS)
# Bounded, so that no hostile text makes the search quadratic.
_QUERY_NAMES = r"(?i:code|state|value|[\w-]{0,40}(?:key|token|secret)[\w-]{0,40})"
# What is in the group stays.
_AFTER_WORDS = (
    *(rf"({word}\s+)[^\s\"',;\\]{{4,}}" for word in ("Bearer", "bearer", "BEARER")),
    *(rf"({mark}{_QUERY_NAMES}=)[^&\s\"\\]+" for mark in (r"\?", "&", r"\\u0026")),
)
USER_IN_ADDRESS = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SECRET = re.compile("|".join((*_KEYS, *_AFTER_WORDS)))


def last_four(secret: str) -> str:
    """What may be seen of a secret: its last four characters, none of a short one."""
    return secret[-4:] if len(secret) >= SHORTEST_SHOWN_IN_PART else ""


def last4(secret: str) -> str:
    """A secret as people recognise it: `…1234`; only `…` of a short one."""
    return f"…{last_four(secret)}"


def without_secrets(
    text: str, *known: str, mask: Callable[[str], str] = lambda secret: MASK
) -> str:
    """The text without the given secrets, our own ones and anything that looks like a secret, each
    replaced by what `mask` makes of it."""
    for secret in (*known, settings.MANAGEMENT_API_KEY, settings.COLLECTOR_API_KEY):
        if len(secret) >= SHORTEST_KNOWN:
            text = text.replace(secret, mask(secret))
    if "@" in text:
        text = USER_IN_ADDRESS.sub(HIDDEN_USER, text)

    def replaced(found: re.Match[str]) -> str:
        kept = found[found.lastindex] if found.lastindex else ""
        return kept + mask(found[0].removeprefix(kept))

    return _SECRET.sub(replaced, text)


def masked(value: Any, name: str = "", depth: int = 0) -> Any:
    """A copy of plain data for keeping: secrets replaced, long texts and lists cut, anything
    unknown turned into text."""
    if (
        value is None
        or isinstance(value, bool | int)
        or (isinstance(value, float) and isfinite(value))
    ):
        return value
    if name and _SECRET_NAME_KEPT.search(name) and not _HARMLESS_NAME.search(name):
        return value if isinstance(value, str) and _is_masked(value) else MASK
    if depth >= DEEPEST:
        return "…"
    if isinstance(value, Mapping):
        return {
            masked_text(str(k)): masked(v, str(k), depth + 1)
            for k, v in list(value.items())[:MOST_ITEMS]
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [masked(item, "", depth + 1) for item in list(value)[:MOST_ITEMS]]
    return masked_text(str(value))


def masked_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text without secrets and control characters, cut to `longest`."""
    text = without_secrets(text)
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _is_masked(text: str) -> bool:
    return text == MASK or (len(text) <= 24 and ("…" in text or "***" in text))
