"""Fields that a newer upstream sends and this version does not know: kept with the event, masked
and cut; pure."""

from collections.abc import Iterator
from operator import itemgetter
from typing import Any

import msgspec

from monitoring.masking import MASK, masked, masked_text, without_secrets
from usage.ingest.queue_entry import (
    Failure,
    InputBreakdown,
    OutputBreakdown,
    QueueEntry,
    ReportedTokens,
    TokenBreakdown,
)

MOST_FIELDS = 40
VALUE_CHARACTERS = 1000
NAME_CHARACTERS = 100


def _names(struct: type[msgspec.Struct], *more: str) -> frozenset[str]:
    return frozenset({*struct.__struct_fields__, *more})


_KNOWN = _names(QueueEntry, "accounting_version")
# Known objects, the outer ones first, and which fields they have.
_PARTS: tuple[tuple[tuple[str, ...], frozenset[str]], ...] = (
    (("tokens",), _names(ReportedTokens, "cache_read_tokens_present")),
    (("fail",), _names(Failure)),
    (("token_breakdown",), _names(TokenBreakdown, "schema_version")),
    (("token_breakdown", "input"), _names(InputBreakdown, "total_tokens")),
    (("token_breakdown", "output"), _names(OutputBreakdown, "total_tokens")),
)


def unknown_fields(content: dict[str, Any], *secrets: str) -> dict[str, str]:
    """What a record holds beyond its known fields, by dotted name, as text without secrets; at most
    `MOST_FIELDS`, and then how many more there are."""
    found = [*_unknown(content)]
    if not found:
        return {}
    found.sort(key=itemgetter(0))
    kept = {
        masked_text(name, NAME_CHARACTERS): _text(name, value, secrets)
        for name, value in found[:MOST_FIELDS]
    }
    return kept if len(found) <= MOST_FIELDS else kept | {"…": f"{len(found) - MOST_FIELDS} more"}


def _unknown(content: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    # Nearly every record has none: comparing costs no copy.
    if not content.keys() <= _KNOWN:
        yield from ((name, content[name]) for name in content.keys() - _KNOWN)
    for path, known in _PARTS:
        part: Any = content
        for name in path:
            part = part.get(name) if isinstance(part, dict) else None
        if isinstance(part, dict) and not part.keys() <= known:
            yield from ((".".join((*path, name)), part[name]) for name in part.keys() - known)


def _text(name: str, value: Any, secrets: tuple[str, ...]) -> str:
    # The record's own secrets go before anything is cut, so that no half of one is left.
    try:
        value = msgspec.json.decode(without_secrets(msgspec.json.encode(value).decode(), *secrets))
    except msgspec.DecodeError:
        return MASK
    harmless = masked(value, name.rpartition(".")[2])
    text = harmless if isinstance(harmless, str) else msgspec.json.encode(harmless).decode()
    return masked_text(text, VALUE_CHARACTERS)
