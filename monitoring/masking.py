"""Secrets taken out of what is written down: by the name they go by, by their look, and the ones we
know ourselves."""

import re
from collections.abc import Mapping
from math import isfinite
from typing import Any

from django.conf import settings

MASK = "[masked]"
LONGEST_TEXT = 500
MOST_ITEMS = 100
DEEPEST = 8

_SECRET_NAME = re.compile(
    r"key|token|secret|password|passwd|authorization|cookie|credential|bearer|^code$|redirect.?url|proxy.?url|header",
    re.IGNORECASE,
)
# These tell of a secret without being it.
_HARMLESS_NAME = re.compile(
    r"(?:^|[_-])(?:id|ids|name|names|count|counts|prefix|last4|masked|hint|state|kind|provider|family|hash|at)$",
    re.IGNORECASE,
)
_SECRET_LOOK = re.compile(
    r"""\b(?:sk|rk|pk|tollgate)[-_][A-Za-z0-9_-]{6,}   # OpenAI, Anthropic, our own tokens
      | \bAIza[A-Za-z0-9_-]{10,}                  # Google
      | \bxai-[A-Za-z0-9]{10,}
      | \bya29\.[A-Za-z0-9._-]+
      | \beyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+){1,2}   # JWT
      | \bgh[opsu]_[A-Za-z0-9]{10,}
      | (?<=Bearer\ )\S+
      | (?<=://)[^\s/@:]+:[^\s/@]+(?=@)           # user:password of a URL
      | (?<=[?&])(?:code|key|api-key|token|value|access_token|state)=[^&\s]+
    """,
    re.VERBOSE | re.IGNORECASE,
)


def last4(secret: str) -> str:
    """A secret as people recognise it: `…1234`; only `…` of a short one."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…"


def masked(value: Any, name: str = "", depth: int = 0) -> Any:
    """A copy of plain data for keeping: secrets replaced, long texts and lists cut, anything
    unknown turned into text."""
    if (
        value is None
        or isinstance(value, bool | int)
        or (isinstance(value, float) and isfinite(value))
    ):
        return value
    if name and _SECRET_NAME.search(name) and not _HARMLESS_NAME.search(name):
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
    """A text without what looks like a secret, without our own ones, without control characters,
    cut to `longest`."""
    text = _SECRET_LOOK.sub(MASK, text)
    for secret in (settings.MANAGEMENT_API_KEY, settings.COLLECTOR_API_KEY):
        if len(secret) >= 4:
            text = text.replace(secret, MASK)
    text = re.sub(r"[\x00-\x1f\x7f\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _is_masked(text: str) -> bool:
    return text == MASK or (len(text) <= 24 and ("…" in text or "***" in text))
