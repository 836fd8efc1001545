"""Entries of provider key lists as plain data: comparing, changing, masking. Pure."""

from collections.abc import Iterable
from typing import Any

from monitoring.masking import last4
from monitoring.masking import masked as masked_by_name
from providers.keys.families import Family

Entry = dict[str, Any]
# The position of a credential, given by GET and ignored by PUT; it comes and goes with the reload.
INDEX = "auth-index"
# Disables an entry in the lists that have no switch (contract 5.6).
EVERYTHING = "*"


def without_index(entry: Entry) -> Entry:
    """As PUT wants it: every field as it came, but for `auth-index`."""
    kept = {name: value for name, value in entry.items() if name != INDEX}
    if isinstance(items := kept.get("api-key-entries"), list):
        kept["api-key-entries"] = [
            without_index(item) if isinstance(item, dict) else item for item in items
        ]
    return kept


def _is_empty(value: Any) -> bool:
    # Not 0: a weight of 0 excludes, a missing one does not.
    return value is None or value is False or value in ("", [], {})


def meaningful(value: Any) -> Any:
    """A value without what is empty, so that `null`, `""` and an absent field compare equal."""
    if isinstance(value, dict):
        return {
            name: inner
            for name, item in value.items()
            if name != INDEX and not _is_empty(inner := meaningful(item))
        }
    if isinstance(value, list):
        return [meaningful(item) for item in value]
    return value


def means_same(one: Any, other: Any) -> bool:
    """Whether two values of a field mean the same; nothing, empty and absent do."""
    return bool(meaningful({"value": one}) == meaningful({"value": other}))


def is_same(one: Entry, other: Entry) -> bool:
    """Whether two entries mean the same."""
    return bool(meaningful(one) == meaningful(other))


def identity_of(family: Family, entry: Entry) -> tuple[str, ...]:
    """What identifies it in its list."""
    return tuple(str(entry.get(name) or "") for name in family.identity)


def find(family: Family, entries: Iterable[Entry], identity: tuple[str, ...]) -> Entry | None:
    """The first entry of that identity."""
    return next((entry for entry in entries if identity_of(family, entry) == identity), None)


def merged(entry: Entry, fields: Entry) -> Entry:
    """An entry with some fields set; None removes one. Whatever else it has stays, known to us or
    not."""
    result = {**entry, **fields}
    return {
        name: value
        for name, value in result.items()
        if value is not None or (name in entry and name not in fields)
    }


def is_disabled(family: Family, entry: Entry) -> bool:
    """Whether it is out of use: by its switch, or by excluding every model."""
    return (
        entry.get("disabled") is True
        if family.is_named
        else EVERYTHING in (entry.get("excluded-models") or [])
    )


def masked_entry(entry: Entry) -> Entry:
    """For showing and keeping: keys as their last four characters, values of headers not at all."""
    shown: Entry = masked_by_name(
        {
            name: value
            for name, value in meaningful(entry).items()
            if name not in ("api-key", "headers", "api-key-entries")
        }
    )
    if key := entry.get("api-key"):
        shown = {"api-key": last4(key), **shown}
    if headers := entry.get("headers"):
        shown["headers"] = dict.fromkeys(headers, "…")
    if items := entry.get("api-key-entries"):
        shown["api-key-entries"] = [masked_entry(item) for item in items if isinstance(item, dict)]
    return shown
