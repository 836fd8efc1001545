"""Entries of the provider key lists: reading, normalising, dropping, showing (contract 6.3)."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

from management_proxy.simulator.configuration.families import Family
from management_proxy.simulator.http.wire import BadBody, member
from management_proxy.simulator.profiles import auth_index

HEAVIEST = 1_000_000
Entry = dict[str, Any]

_FLAG = (
    "disabled",
    "websockets",
    "alpha-search",
    "rebuild-mid-system-message",
    "support-prompt-cache-key",
    "experimental-cch-signing",
)
_MODEL_FIELDS = (
    "name",
    "alias",
    "display-name",
    "max-context-length",
    "force-mapping",
    "is-compat",
    "image",
    "input-modalities",
    "output-modalities",
    "thinking",
)
_FINGERPRINT = re.compile(r"[a-z0-9._-]*")


class TooHeavy(Exception):
    """A weight above what the upstream takes."""


def _require(value: Any, kind: type | tuple[type, ...], what: str) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
        raise BadBody(what)
    return value


def _texts(value: Any) -> list[str]:
    return [_require(item, str, "string") for item in _require(value, list, "list")]


def _headers(value: Any) -> dict[str, str]:
    pairs = _require(value, dict, "headers").items()
    trimmed = {key.strip(): _require(item, str, "header").strip() for key, item in pairs}
    return {key: item for key, item in trimmed.items() if key and item}


def _patterns(value: Any) -> list[str]:
    return list(dict.fromkeys(text.strip().lower() for text in _texts(value) if text.strip()))


def _models(value: Any) -> list[Entry]:
    items = [_require(item, dict, "model") for item in _require(value, list, "models")]
    return [
        {f: item[f] for f in _MODEL_FIELDS if item.get(f) not in (None, "", False, 0, [])}
        for item in items
    ]


def _weight(value: Any) -> int:
    if _require(value, int, "weight") > HEAVIEST:
        raise TooHeavy
    return int(value)


def _key_entries(value: Any) -> list[Entry]:
    result = []
    for item in _require(value, list, "entries"):
        source = _require(item, dict, "entry")
        entry: Entry = {"api-key": _require(member(source, "api-key", ""), str, "api-key").strip()}
        if member(source, "weight") is not None:
            entry["weight"] = _weight(member(source, "weight"))
        if member(source, "proxy-url"):
            entry["proxy-url"] = _require(member(source, "proxy-url"), str, "proxy-url").strip()
        result.append(entry)
    return result


def _prefix(value: Any) -> str:
    trimmed = str(_require(value, str, "prefix")).strip().strip("/")
    return "" if "/" in trimmed else trimmed


_READERS: dict[str, Callable[[Any], Any]] = {
    "prefix": _prefix,
    "headers": _headers,
    "excluded-models": _patterns,
    "models": _models,
    "weight": _weight,
    "api-key-entries": _key_entries,
    "priority": lambda value: _require(value, int, "priority"),
    "request-retry": lambda value: _require(value, int, "request-retry"),
    "disable-cooling": lambda value: _require(value, bool, "disable-cooling"),
    "request-scoped-errors": lambda value: _require(value, list, "rules"),
    "cloak": lambda value: _require(value, dict, "cloak"),
    **dict.fromkeys(_FLAG, lambda value: _require(value, bool, "flag")),
}


def read_field(name: str, value: Any) -> Any:
    """Return a field as the upstream keeps it; raises BadBody or TooHeavy."""
    reader = _READERS.get(name)
    if reader:
        return reader(value)
    return _require(value, str, name).strip()


def read_entry(family: Family, source: Any, known: list[Entry]) -> Entry:
    """Return one entry with the known fields only."""
    found = {name: member(_require(source, dict, "entry"), name) for name in family.fields}
    entry = {name: read_field(name, value) for name, value in found.items() if value is not None}
    if family.route == "vertex-api-key" and "models" in entry:
        entry["models"] = [
            model for model in entry["models"] if "name" in model and "alias" in model
        ]
    # An entry that is new to the file comes back from it with an empty list where an old one has
    # none at all.
    if "models" in family.always_shown and "models" not in entry:
        entry["models"] = (
            None if not known or _identity(family, entry) in map(_keyed(family), known) else []
        )
    return {name: entry[name] for name in family.fields if name in entry}


def _identity(family: Family, entry: Entry) -> tuple[Any, Any]:
    return entry.get(family.identity, ""), entry.get("base-url", "")


def _keyed(family: Family) -> Callable[[Entry], tuple[Any, Any]]:
    return lambda entry: _identity(family, entry)


def normalised(family: Family, items: Any, known: list[Entry] | None = None) -> list[Entry]:
    """Return a whole list as a PUT stores it."""
    entries = [read_entry(family, item, known or []) for item in _require(items, list, "list")]
    return unique(family, [entry for entry in entries if not is_dropped(family, entry)])


def is_dropped(family: Family, entry: Entry) -> bool:
    if family.needs_base_url:
        return not entry.get("base-url")
    if family.route in ("gemini-api-key", "interactions-api-key"):
        return not entry.get("api-key") and not entry.get("base-url")
    return family.route == "vertex-api-key" and not entry.get("api-key")


def unique(family: Family, entries: list[Entry]) -> list[Entry]:
    if not family.unique_by:
        return entries
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(repr([entry.get(name) for name in family.unique_by]), entry)
    return list(first.values())


def allowed_fingerprint(profile: str) -> bool:
    return bool(_FINGERPRINT.fullmatch(profile))


def shown(family: Family, entry: Entry, loaded: frozenset[str], *, indexed: bool = True) -> Entry:
    """Return an entry as GET shows it, with `auth-index` where its credential is loaded."""
    hidden: tuple[Any, ...] = (None, "", False, 0, [], {})
    result = {name: entry.get(name) for name in family.fields if _is_shown(name, entry, hidden)}
    for name in family.always_shown:
        if indexed or name != "disabled":
            default: Any = None if name == "models" else False if name == "disabled" else ""
            result.setdefault(name, entry.get(name, default))
    result = {name: result[name] for name in family.fields if name in result}
    if not indexed:
        return result
    if family.selector == "name" and entry.get("api-key-entries"):
        result["api-key-entries"] = [
            _with_index(dict(item), compat_index(entry, item), loaded)
            for item in entry["api-key-entries"]
        ]
        return result
    return _with_index(result, entry_index(family, entry), loaded)


def _is_shown(name: str, entry: Entry, hidden: tuple[Any, ...]) -> bool:
    if name in ("weight", "request-retry", "disable-cooling"):
        return entry.get(name) is not None
    return entry.get(name) not in hidden


def _with_index(entry: Entry, index: str, loaded: frozenset[str]) -> Entry:
    return {**entry, "auth-index": index} if index in loaded else entry


def entry_index(family: Family, entry: Entry) -> str:
    if family.selector == "name":
        return auth_index(f"id:openai-compatibility:{entry.get('name', '').lower()}")
    if family.route == "vertex-api-key":
        return auth_index(f"id:{credential_id(family, entry)}")
    return auth_index(f"{family.route}:{entry.get('base-url', '')}+{entry.get('api-key', '')}")


def compat_index(entry: Entry, item: Entry) -> str:
    return auth_index(f"openai-compatibility:{entry.get('base-url', '')}+{item.get('api-key', '')}")


def credential_id(family: Family, entry: Entry) -> str:
    digest = hashlib.sha256(
        f"{entry.get('api-key', '')}|{entry.get('base-url', '')}".encode()
    ).hexdigest()
    return f"{family.provider}:apikey:{digest[:12]}"
