"""What may be put into an entry of a provider key list: as the upstream will keep it, or refused
with the field's name.

The upstream responds 200 and silently drops, shortens or merges what does not suit it (contract
6.3); here that is refused first. Pure, but for resolving where a base URL leads.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from django.utils.translation import gettext

from monitoring.addresses import AddressRefused, check_destination
from providers.errors import ChangeRefused
from providers.keys.entries import Entry
from providers.keys.families import Family
from providers.keys.field_values import (
    a_list,
    an_object,
    checked_key,
    clean_text,
    true_or_false,
    whole_number,
)

HEAVIEST = 1_000_000
LONGEST_ENTRY_BYTES = 64 * 1024
MODEL_FIELDS = frozenset(
    {
        "name",
        "alias",
        "display-name",
        "max-context-length",
        "force-mapping",
        "is-compat",
        "thinking",
    }
)
_COMPAT_MODEL_FIELDS = MODEL_FIELDS | {"image", "input-modalities", "output-modalities"}
_VERTEX_MODEL_FIELDS = frozenset({"name", "alias", "display-name", "force-mapping", "thinking"})
_PROXY = re.compile(r"(?:https?|socks5h?)://[^\s/]+/?", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_FINGERPRINT = re.compile(r"[a-z0-9._-]*")


def checked_fields(family: Family, fields: Entry) -> Entry:
    """The fields as the upstream will keep them; None stays and means "remove". Raises
    ChangeRefused naming the field."""
    if unknown := [name for name in fields if name not in family.fields]:
        raise ChangeRefused(
            gettext("%(label)s entries have no such field; the upstream would ignore it")
            % {"label": family.label},
            str(unknown[0])[:60],
        )
    checked = {
        name: None if value is None else _reader(family, name)(family, name, value)
        for name, value in fields.items()
    }
    if len(msgspec.json.encode(checked)) > LONGEST_ENTRY_BYTES:
        raise ChangeRefused(
            gettext("an entry may have at most %(size)s KiB")
            % {"size": LONGEST_ENTRY_BYTES // 1024},
            next(iter(fields)),
        )
    return checked


def check_whole(family: Family, entry: Entry) -> None:
    """Refuse an entry that the upstream would drop, or could not tell from others. Raises
    ChangeRefused."""
    selector = family.identity[0]
    if not entry.get(selector):
        raise ChangeRefused(
            gettext("a name is needed") if family.is_named else gettext("a key is needed"),
            selector,
            "VALIDATION_MISSING_FIELDS",
        )
    if family.needs_base_url and not entry.get("base-url"):
        raise ChangeRefused(
            gettext("%(label)s entries without a base URL are dropped by the upstream")
            % {"label": family.label},
            "base-url",
            "VALIDATION_MISSING_FIELDS",
        )


def _key(_family: Family, name: str, value: Any) -> str:
    return checked_key(value, name)


def _named(_family: Family, name: str, value: Any) -> str:
    text = clean_text(name, value, 100)
    if not text or len(text) > 100:
        raise ChangeRefused(
            gettext("a name of 1 to 100 characters is needed"),
            name,
            "VALIDATION_MISSING_FIELDS" if not text else "VALIDATION_ERROR",
        )
    return text


def _base_url(_family: Family, name: str, value: Any) -> str:
    url = clean_text(name, value)
    if url:
        try:
            check_destination(url)
        except AddressRefused as error:
            raise ChangeRefused(str(error), name) from error
    return url


def _proxy_url(_family: Family, name: str, value: Any) -> str:
    url = clean_text(name, value)
    if url and url.lower() not in ("direct", "none") and not _PROXY.fullmatch(url):
        raise ChangeRefused(
            gettext("expected an address like socks5://host:1080, `direct`, or nothing"), name
        )
    return url


def _prefix(_family: Family, name: str, value: Any) -> str:
    prefix = clean_text(name, value, 100).strip("/")
    if "/" in prefix:
        raise ChangeRefused(
            gettext("a prefix with a slash in it would be discarded by the upstream"), name
        )
    return prefix


def _headers(_family: Family, name: str, value: Any) -> dict[str, str]:
    pairs = [
        (clean_text(name, key), clean_text(name, item))
        for key, item in an_object(name, value).items()
    ]
    for key, item in pairs:
        if not _HEADER_NAME.fullmatch(key):
            raise ChangeRefused(
                gettext("%(key)s is no name of a header") % {"key": f"{key[:60]!r}"}, name
            )
        if not item:
            raise ChangeRefused(
                gettext("the header %(key)s has no value and would be discarded")
                % {"key": key[:60]},
                name,
            )
    return dict(pairs)


def _patterns(_family: Family, name: str, value: Any) -> list[str]:
    texts = [clean_text(name, item, 200).lower() for item in a_list(name, value)]
    if not all(texts):
        raise ChangeRefused(gettext("it contains a blank name"), name)
    return list(dict.fromkeys(texts))


def _models(family: Family, name: str, value: Any) -> list[Entry]:
    allowed = (
        _COMPAT_MODEL_FIELDS
        if family.is_named
        else _VERTEX_MODEL_FIELDS
        if family.name == "vertex"
        else MODEL_FIELDS
    )
    models = []
    for number, item in enumerate(a_list(name, value), 1):
        model = an_object(name, item)
        if unknown := [field for field in model if field not in allowed]:
            raise ChangeRefused(
                gettext("model %(number)s has a field %(name)s that the upstream ignores")
                % {"number": number, "name": f"{str(unknown[0])[:60]!r}"},
                name,
            )
        texts = {
            field: clean_text(name, model[field], 200)
            for field in ("name", "alias", "display-name")
            if model.get(field) is not None
        }
        if not texts.get("name") or (family.name == "vertex" and not texts.get("alias")):
            needed = (
                gettext("a name and an alias") if family.name == "vertex" else gettext("a name")
            )
            raise ChangeRefused(
                gettext("model %(number)s needs %(needed)s; the upstream would drop it")
                % {"number": number, "needed": needed},
                name,
            )
        models.append({**model, **texts})
    return models


def _whole(_family: Family, name: str, value: Any) -> int:
    return whole_number(name, value)


def _flag(_family: Family, name: str, value: Any) -> bool:
    return true_or_false(name, value)


def _weight(_family: Family, name: str, value: Any) -> int:
    weight = whole_number(name, value)
    if weight > HEAVIEST:
        raise ChangeRefused(gettext("a weight is at most %(most)s") % {"most": HEAVIEST}, name)
    return weight


def _key_entries(family: Family, name: str, value: Any) -> list[Entry]:
    items = []
    for number, item in enumerate(a_list(name, value), 1):
        source = an_object(name, item)
        if unknown := [
            field
            for field in source
            if field not in ("api-key", "weight", "proxy-url", "auth-index")
        ]:
            raise ChangeRefused(
                gettext("key %(number)s has a field %(name)s that the upstream ignores")
                % {"number": number, "name": f"{str(unknown[0])[:60]!r}"},
                name,
            )
        entry: Entry = {"api-key": checked_key(source.get("api-key"), name)}
        if source.get("weight") is not None:
            entry["weight"] = _weight(family, name, source["weight"])
        if source.get("proxy-url"):
            entry["proxy-url"] = _proxy_url(family, name, source["proxy-url"])
        items.append(entry)
    keys = [item["api-key"] for item in items]
    if len(set(keys)) < len(keys):
        raise ChangeRefused(gettext("the same key occurs twice"), name)
    return items


def _fingerprint(_family: Family, name: str, value: Any) -> str:
    profile = clean_text(name, value, 100)
    if not _FINGERPRINT.fullmatch(profile):
        raise ChangeRefused(
            gettext("a profile has small letters, digits, dots, hyphens and underscores"), name
        )
    return profile


def _rules(_family: Family, name: str, value: Any) -> list[Any]:
    return [an_object(name, item) for item in a_list(name, value)]


def _object(_family: Family, name: str, value: Any) -> dict[str, Any]:
    return an_object(name, value)


Reader = Callable[[Family, str, Any], Any]
_READERS: dict[str, Reader] = {
    "name": _named,
    "api-key": _key,
    "base-url": _base_url,
    "proxy-url": _proxy_url,
    "prefix": _prefix,
    "headers": _headers,
    "excluded-models": _patterns,
    "models": _models,
    "weight": _weight,
    "priority": _whole,
    "request-retry": _whole,
    "api-key-entries": _key_entries,
    "fingerprint-profile": _fingerprint,
    "request-scoped-errors": _rules,
    "cloak": _object,
}


def _reader(_family: Family, name: str) -> Reader:
    return _READERS.get(name, _flag)
