"""What a write that came through the management proxy means as a change.

It is translated by what the upstream holds at that moment: an index into the entry at that place, a
whole list into "this list, if it still is that one". What is no such write is left to the proxy
(None), which sends it as it is for the upstream to refuse.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from management_proxy.client import configuration as config_client
from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import CLIENT_KEYS
from management_proxy.models import Upstream
from management_proxy.proxy.rules.policy_table import PROVIDER_MAPS, SWITCHES
from management_proxy.proxy.write_funnel import ProxiedWrite
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.client_keys.queries import note_listed
from providers.client_keys.resources import CLIENT_KEY_LIST
from providers.configuration.changes import REPLACE, ReplaceConfiguration, SetSwitch
from providers.digests import client_key_digest, last_four
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.keys.changes import EditEntry, RemoveEntry
from providers.keys.entries import Entry, identity_of, means_same, merged
from providers.keys.entry_rules import check_whole
from providers.keys.families import FAMILIES, Family
from providers.keys.field_values import checked_key
from providers.keys.resources import EntryList
from providers.models import ClientKey
from providers.models.configuration import digest_of
from providers.proxied_writes.changes import SetMap, replacement

_FAMILY_OF_ROUTE = {family.route: family for family in FAMILIES.values()}
_STRATEGIES = {
    "": "round-robin",
    "roundrobin": "round-robin",
    "rr": "round-robin",
    "wrr": "weighted-round-robin",
    "ff": "fill-first",
}


@dataclass(frozen=True)
class _Sent:
    """A write with its query and body decoded."""

    method: str
    path: str
    query: dict[str, str]
    value: Any


def meant_by(write: ProxiedWrite, client: ManagementClient) -> Change | None:
    """The change that a write means; None for one that the funnel does not know. Raises
    ChangeRefused, UpstreamError."""
    path = write.path
    if path == "config.yaml" and write.method == "PUT":
        return ReplaceConfiguration(
            text=write.body.decode(),
            opened=digest_of(config_client.read_configuration(client)),
            what=REPLACE(),
        )
    value = _json(write.body) if write.body else None
    sent = _Sent(write.method, path, dict(write.query), value)
    if path in SWITCHES or path == "proxy-url":
        new = "" if sent.method == "DELETE" else _optional(value, "value")
        return None if new is None else SetSwitch(path=path, value=_switch_value(path, new))
    if path in PROVIDER_MAPS:
        return _map_change(sent)
    if path == CLIENT_KEYS:
        return _client_key_change(write.upstream, client, sent)
    if family := _FAMILY_OF_ROUTE.get(path):
        return _entry_change(family, client, sent)
    return None


def _switch_value(path: str, value: Any) -> Any:
    """As the upstream will report it (contract 8.4), so that reading back finds it."""
    if not isinstance(value, bool | int | str):
        raise ChangeRefused("expected a text, a number, true or false", "value")
    if path == "routing/strategy":
        return _STRATEGIES.get(str(value).strip().lower(), value)
    floors = {"logs-max-total-size-mb": 0, "error-logs-max-files": 10}
    return floors[path] if path in floors and isinstance(value, int) and value < 0 else value


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ChangeRefused("the body is not JSON") from error


def _member(value: Any, name: str) -> Any:
    """A member of an object, its name in any case as the upstream takes it."""
    found = (
        next((item for key, item in value.items() if key.lower() == name), None)
        if isinstance(value, dict)
        else None
    )
    if found is None:
        raise ChangeRefused("it is missing", name, "VALIDATION_MISSING_FIELDS")
    return found


def _optional(value: Any, name: str) -> Any:
    try:
        return _member(value, name)
    except ChangeRefused:
        return None


def _items(value: Any) -> list[Any]:
    items = [] if value is None else value if isinstance(value, list) else _optional(value, "items")
    if not isinstance(items, list) or (isinstance(value, dict) and not items):
        raise ChangeRefused("expected a list, or an object with a list of items")
    return items


def _map_change(sent: _Sent) -> Change:
    path, value = sent.path, sent.value
    if sent.method == "PUT":
        mapping = _optional(value, "items") or value or {}
        if not isinstance(mapping, dict) or not all(
            isinstance(items, list) for items in mapping.values()
        ):
            raise ChangeRefused("expected an object of lists; anything else would clear it", path)
        return SetMap(route=path, values=mapping, replaces=True)
    if sent.method == "DELETE":
        return SetMap(
            route=path, values={sent.query.get("provider") or sent.query.get("channel") or "": []}
        )
    provider = str(_optional(value, "provider") or _member(value, "channel")).strip().lower()
    lists = [_optional(value, name) for name in ("models", "aliases", "rules")]
    items = next((one for one in lists if isinstance(one, list)), None)
    if items is None:
        raise ChangeRefused("expected a list", "models")
    return SetMap(route=path, values={provider: items})


def _client_key_change(upstream: Upstream, client: ManagementClient, sent: _Sent) -> Change | None:
    present = CLIENT_KEY_LIST.read(client)
    if sent.method == "PUT":
        # Emptying it opens the upstream; the proxy requires a permission and a confirmation for
        # that, and sends it itself.
        items = _items(sent.value)
        is_empty = not any(str(key or "").strip() for key in items)
        return None if is_empty else replacement(CLIENT_KEYS, items, present)
    if sent.method == "DELETE":
        key = sent.query.get("value", "").strip() or _at(present, sent.query.get("index"))
        row = _row(upstream, key)
        return RemoveClientKey(
            client_key_id=row.pk, digest=bytes(row.digest), label=row.display_name
        )
    index, new = _optional(sent.value, "index"), _optional(sent.value, "value")
    old = _at(present, index) if isinstance(index, int) and new else _optional(sent.value, "old")
    new = checked_key(new or _member(sent.value, "new"), "new")
    if old in present:
        return replacement(CLIENT_KEYS, [new if key == old else key for key in present], present)
    return AddClientKey(client_key_id=_row(upstream, new).pk, key=new)


def _at(present: list[Any], index: Any) -> Any:
    if index is None or not str(index).isdecimal() or int(index) >= len(present):
        raise ChangeRefused("there is no such entry", "index", "KEY_NOT_FOUND")
    return present[int(index)]


def _row(upstream: Upstream, key: str) -> ClientKey:
    note_listed(upstream, {client_key_digest(key): last_four(key)})
    return ClientKey.objects.get(upstream=upstream, digest=client_key_digest(key))


def _entry_change(family: Family, client: ManagementClient, sent: _Sent) -> Change:
    present = EntryList(family).read(client)
    if sent.method == "PUT":
        items = _items(sent.value)
        # What the upstream would drop altogether empties the list; the proxy requires a permission
        # and a confirmation for that.
        return replacement(family.route, [] if _drops_all(family, items) else items, present)
    if sent.method == "DELETE":
        gone = _chosen_to_delete(family, present, sent.query)
        return RemoveEntry(family_name=family.name, identity=identity_of(family, gone))
    entry = _chosen_to_edit(family, present, sent)
    given = _member(sent.value, "value")
    named = given.items() if isinstance(given, dict) else ()
    fields = {name.lower(): item for name, item in named if name.lower() in family.patched}
    changed = {name: item for name, item in fields.items() if not means_same(entry.get(name), item)}
    check_whole(family, merged(entry, changed))
    return EditEntry(
        family_name=family.name,
        identity=identity_of(family, entry),
        fields=changed,
        opened={name: entry.get(name) for name in changed},
    )


def _chosen_to_edit(family: Family, present: list[Entry], sent: _Sent) -> Entry:
    index = _optional(sent.value, "index")
    wanted = _optional(sent.value, "name" if family.is_named else "match")
    if isinstance(index, int) and 0 <= index < len(present):
        return present[index]
    return _only(_matching(family, present, wanted, sent.query) if wanted else [])


def _matching(
    family: Family, present: list[Entry], wanted: Any, query: dict[str, str]
) -> list[Entry]:
    return [
        entry
        for entry in present
        if entry.get(family.identity[0]) == wanted
        and query.get("base-url") in (None, entry.get("base-url") or "")
    ]


def _drops_all(family: Family, items: list[Any]) -> bool:
    needed = ("base-url",) if family.needs_base_url else ("api-key",)
    return all(
        isinstance(item, dict) and not any(item.get(name) for name in needed) for item in items
    )


def _chosen_to_delete(family: Family, present: list[Entry], query: dict[str, str]) -> Entry:
    key = query.get(family.identity[0], "").strip()
    if key:
        return _only(_matching(family, present, key, query))
    chosen: Entry = _at(present, query.get("index"))
    return chosen


def _only(matches: list[Entry]) -> Entry:
    if not matches:
        raise ChangeRefused("item not found", "", "KEY_NOT_FOUND")
    if len(matches) > 1:
        raise ChangeRefused("several entries match; name their base-url", "base-url", "CONFLICT")
    return matches[0]
