"""Writes to lists, maps, switches and the configuration that come through the management proxy,
carried out by the funnel.

Each request is turned into the change that it means, by what the upstream holds at that moment: an
index into the entry that stands there, a whole list into "this list, if it still is that one". What
is no such write is left to the proxy (None), which sends it as it is for the upstream to refuse.
"""

from typing import Any

import msgspec
from django.contrib.auth.models import AbstractBaseUser

from management_proxy.client import config as config_client
from management_proxy.client.client import ManagementClient
from management_proxy.client.errors import UpstreamError
from management_proxy.client.lists import CLIENT_KEYS
from management_proxy.models import Upstream
from management_proxy.proxy.rules.policies import PROVIDER_MAPS, SWITCHES
from management_proxy.proxy.write_funnel import FunnelRefusal, ProxiedAnswer, Query
from management_proxy.upstreams.registry import client_for
from providers.client_keys.changes import AddClientKey, RemoveClientKey
from providers.client_keys.queries import note_listed
from providers.client_keys.resources import CLIENT_KEY_LIST
from providers.configuration.changes import ReplaceConfiguration, SetSwitch
from providers.digests import client_key_digest, last_four
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.funnel.writes import perform
from providers.keys.changes import EditEntry, RemoveEntry
from providers.keys.entries import identity_of, merged, says_same
from providers.keys.entry_rules import check_whole, checked_key
from providers.keys.families import FAMILIES, Family
from providers.keys.resources import EntryList
from providers.models import ClientKey, Intent
from providers.models.configuration import digest_of
from providers.proxied_writes.changes import SetMap, replacement
from providers.web.api import STATUS_OF_CODE

_FAMILY_OF_ROUTE = {family.route: family for family in FAMILIES.values()}
_STRATEGIES = {
    "": "round-robin",
    "roundrobin": "round-robin",
    "rr": "round-robin",
    "wrr": "weighted-round-robin",
    "ff": "fill-first",
}
_OK = b'{"status":"ok"}'


def handle(
    upstream: Upstream,
    actor: AbstractBaseUser,
    method: str,
    path: str,
    query: Query,
    body: bytes,
    reason: str,
) -> ProxiedAnswer | FunnelRefusal | None:
    """What the funnel makes of a proxied write; None for one that it does not know."""
    try:
        change = _change(upstream, client_for(upstream), method, path, dict(query), body)
        if change is None:
            return None
        return _answer(perform(upstream, change, actor, reason or "through the management proxy"))
    except ChangeRefused as refusal:
        return FunnelRefusal(
            STATUS_OF_CODE.get(refusal.code, 400),
            refusal.code,
            f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message,
        )
    except UpstreamError as error:
        return FunnelRefusal(502, "UPSTREAM_ERROR", f"Nothing was sent: {error}")


def _answer(intent: Intent) -> ProxiedAnswer | FunnelRefusal:
    headers = {"X-Tollgate-Change": str(intent.pk)}
    if intent.state == Intent.State.VERIFIED:
        return ProxiedAnswer(200, _OK, headers=headers)
    if intent.is_waiting:
        return ProxiedAnswer(
            202, msgspec.json.encode({"status": "waiting", "change": intent.pk}), headers=headers
        )
    if not intent.is_settled:
        return FunnelRefusal(
            502, "OUTCOME_UNKNOWN", f"Change {intent.pk}: {intent.error}", outcome_is_unknown=True
        )
    return FunnelRefusal(
        STATUS_OF_CODE.get(intent.error_code, 400 if intent.error_code else 502),
        intent.error_code or "UPSTREAM_ERROR",
        intent.error,
    )


def _change(
    upstream: Upstream,
    client: ManagementClient,
    method: str,
    path: str,
    query: dict[str, str],
    body: bytes,
) -> Change | None:
    if path == "config.yaml" and method == "PUT":
        return ReplaceConfiguration(
            text=body.decode(),
            opened=digest_of(config_client.read_configuration(client)),
            what="Replace config.yaml",
        )
    value = _json(body) if body else None
    if path in SWITCHES or path == "proxy-url":
        sent = "" if method == "DELETE" else _optional(value, "value")
        return None if sent is None else SetSwitch(path=path, value=_switch_value(path, sent))
    if path in PROVIDER_MAPS:
        return _map_change(path, method, query, value)
    if path == CLIENT_KEYS:
        return _client_key_change(upstream, client, method, query, value)
    if family := _FAMILY_OF_ROUTE.get(path):
        return _entry_change(family, client, method, query, value)
    return None


def _switch_value(path: str, value: Any) -> Any:
    """As the upstream will tell it (contract 8.4), so that reading back finds it."""
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
        raise ChangeRefused("the body is no JSON") from error


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


def _map_change(path: str, method: str, query: dict[str, str], value: Any) -> Change:
    if method == "PUT":
        mapping = _optional(value, "items") or value or {}
        if not isinstance(mapping, dict) or not all(
            isinstance(items, list) for items in mapping.values()
        ):
            raise ChangeRefused("expected an object of lists; anything else would clear it", path)
        return SetMap(route=path, values=mapping, replaces=True)
    if method == "DELETE":
        return SetMap(route=path, values={query.get("provider") or query.get("channel") or "": []})
    provider = str(_optional(value, "provider") or _member(value, "channel")).strip().lower()
    lists = [_optional(value, name) for name in ("models", "aliases", "rules")]
    items = next((one for one in lists if isinstance(one, list)), None)
    if items is None:
        raise ChangeRefused("expected a list", "models")
    return SetMap(route=path, values={provider: items})


def _client_key_change(
    upstream: Upstream, client: ManagementClient, method: str, query: dict[str, str], value: Any
) -> Change | None:
    present = CLIENT_KEY_LIST.read(client)
    if method == "PUT":
        # Emptying it opens the upstream; the proxy has asked for permission and confirmation, and
        # sends it itself.
        items = _items(value)
        return (
            replacement(CLIENT_KEYS, items, present)
            if any(str(key or "").strip() for key in items)
            else None
        )
    if method == "DELETE":
        key = query.get("value", "").strip() or _at(present, query.get("index"))
        row = _row(upstream, key)
        return RemoveClientKey(
            client_key_id=row.pk, digest=bytes(row.digest), label=row.display_name
        )
    index, new = _optional(value, "index"), _optional(value, "value")
    old = _at(present, index) if isinstance(index, int) and new else _optional(value, "old")
    new = checked_key(new or _member(value, "new"), "new")
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


def _entry_change(
    family: Family, client: ManagementClient, method: str, query: dict[str, str], value: Any
) -> Change:
    present = EntryList(family).read(client)
    if method == "PUT":
        items = _items(value)
        # What the upstream would drop altogether empties the list; the proxy has asked for
        # permission and confirmation.
        return replacement(family.route, [] if _drops_all(family, items) else items, present)
    if method == "DELETE":
        return RemoveEntry(
            family_name=family.name,
            identity=identity_of(family, _chosen_to_delete(family, present, query)),
        )
    index = _optional(value, "index")
    selector = family.identity[0]
    wanted = _optional(value, "name" if family.is_named else "match")
    matches = [
        entry
        for entry in present
        if wanted
        and entry.get(selector) == wanted
        and query.get("base-url") in (None, entry.get("base-url") or "")
    ]
    entry = (
        present[index] if isinstance(index, int) and 0 <= index < len(present) else _only(matches)
    )
    asked = _member(value, "value")
    fields = (
        {name.lower(): item for name, item in asked.items() if name.lower() in family.patched}
        if isinstance(asked, dict)
        else {}
    )
    changed = {name: item for name, item in fields.items() if not says_same(entry.get(name), item)}
    check_whole(family, merged(entry, changed))
    return EditEntry(
        family_name=family.name,
        identity=identity_of(family, entry),
        fields=changed,
        opened={name: entry.get(name) for name in changed},
    )


def _drops_all(family: Family, items: list[Any]) -> bool:
    needed = ("base-url",) if family.needs_base_url else ("api-key",)
    return all(
        isinstance(item, dict) and not any(item.get(name) for name in needed) for item in items
    )


def _chosen_to_delete(
    family: Family, present: list[dict[str, Any]], query: dict[str, str]
) -> dict[str, Any]:
    key = query.get(family.identity[0], "").strip()
    if not key:
        chosen: dict[str, Any] = _at(present, query.get("index"))
        return chosen
    return _only(
        [
            entry
            for entry in present
            if entry.get(family.identity[0]) == key
            and query.get("base-url") in (None, entry.get("base-url") or "")
        ]
    )


def _only(matches: list[dict[str, Any]]) -> dict[str, Any]:
    if not matches:
        raise ChangeRefused("item not found", "", "KEY_NOT_FOUND")
    if len(matches) > 1:
        raise ChangeRefused("several entries match; name their base-url", "base-url", "CONFLICT")
    return matches[0]
