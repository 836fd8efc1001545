"""Changes that replace a whole list or set one provider of a map: what scripts send through the
management proxy."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop as _

from management_proxy.client.http import ManagementClient
from management_proxy.client.limits import CONFIGURATION, WRITE
from management_proxy.client.responses import json_object
from monitoring.masking import last4
from monitoring.texts.recorded import Recorded
from providers.client_keys.resources import CLIENT_KEY_LIST, ClientKeyList
from providers.configuration.changes import SET
from providers.digests import value_digest
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, Moved, State, registered
from providers.keys.entries import EVERYTHING, identity_of, is_same, masked_entry, meaningful
from providers.keys.entry_rules import check_whole
from providers.keys.families import FAMILIES, Family
from providers.keys.field_values import checked_key
from providers.keys.resources import EntryList

MOST_ENTRIES = 5000
_REPLACE = Recorded(_("Replace %(list)s by %(number)s entries"))
_MOVED = Recorded(_("the list was changed meanwhile; read it again and decide anew"))


@registered
class ReplaceList(Change, frozen=True, kw_only=True):
    """A whole list, if it still is what it was when this was requested. Rows of ours follow with
    the next comparison."""

    kind = "list.replaced"
    joins = False
    route: str
    items: list[Any]
    opened: str

    @property
    def family(self) -> Family | None:
        return next((family for family in FAMILIES.values() if family.route == self.route), None)

    @property
    def resource(self) -> ClientKeyList | EntryList:
        return EntryList(self.family) if self.family else CLIENT_KEY_LIST

    @property
    def subject(self) -> str:
        return EVERYTHING

    @property
    def title(self) -> str:
        return _REPLACE(list=self.route, number=len(self.items))

    def next(self, state: State) -> State:
        if value_digest(meaningful(state)) != self.opened:
            raise ChangeRefused(_MOVED(), "", "CONFLICT")
        return self.items

    def holds(self, state: State) -> bool:
        if self.family is None:
            return [key.strip() for key in state] == [key.strip() for key in self.items]
        return len(state) == len(self.items) and all(
            is_same(one, other) for one, other in zip(state, self.items, strict=True)
        )

    def partly(self, state: State) -> str:
        family = self.family
        if (
            family is None
            or self.holds(state)
            or {identity_of(family, entry) for entry in state}
            != {identity_of(family, entry) for entry in self.items}
        ):
            return ""
        return "some fields of the entries, or entries that agree in everything"

    def shown(self, state: State) -> Any:
        return {
            "entries": len(state),
            "keys": [
                last4(entry) if isinstance(entry, str) else masked_entry(entry).get("api-key", "")
                for entry in state[:50]
            ],
        }


def replacement(route: str, items: Any, present: State) -> ReplaceList:
    """The change that puts these items in the place of what is there. Raises ChangeRefused naming
    the item."""
    if not isinstance(items, list) or len(items) > MOST_ENTRIES:
        raise ChangeRefused(f"expected a list of at most {MOST_ENTRIES} entries", route)
    change = ReplaceList(route=route, items=items, opened=value_digest(meaningful(present)))
    if change.family is None:
        keys = [checked_key(key, f"{route}[{n}]") for n, key in enumerate(items)]
        if not keys:
            raise ChangeRefused(
                "without any client key the upstream serves every client", route, "LAST_CLIENT_KEY"
            )
        if len(set(keys)) < len(keys):
            raise ChangeRefused("the same key occurs twice", route)
    else:
        _check_entries(change.family, items)
    return change


def _check_entries(family: Family, items: list[Any]) -> None:
    seen: set[tuple[str, ...]] = set()
    for number, entry in enumerate(items):
        place = f"{family.route}[{number}]"
        if not isinstance(entry, dict):
            raise ChangeRefused("expected an object", place)
        try:
            check_whole(family, entry)
            carriers = entry.get("api-key-entries") or [] if family.is_named else [entry]
            for carrier in carriers:
                checked_key(carrier.get("api-key") if isinstance(carrier, dict) else None)
        except ChangeRefused as refusal:
            raise ChangeRefused(
                refusal.message, f"{place}.{refusal.field}", refusal.code
            ) from refusal
        if (identity := identity_of(family, entry)) in seen:
            raise ChangeRefused(
                "the same key and address occur twice and could no longer be distinguished", place
            )
        seen.add(identity)


@dataclass(frozen=True)
class ProviderMap:
    """One of the `oauth-*` maps (contract 6.4); a state is a mapping from provider to its list."""

    route: str
    reloads: bool = True

    @property
    def name(self) -> str:
        return self.route

    def read(self, client: ManagementClient) -> dict[str, Any]:
        value = json_object(client.call("GET", self.route, CONFIGURATION).body).get(self.route)
        return value if isinstance(value, dict) else {}

    def write(
        self, client: ManagementClient, before: dict[str, Any], after: dict[str, Any]
    ) -> None:
        if self.read(client) != before:
            raise Moved
        client.call("PUT", self.route, WRITE, json=after)


@registered
class SetMap(Change, frozen=True, kw_only=True):
    """The lists of some providers in a map, an empty one removing the provider; or the whole
    map."""

    kind = "map.set"
    joins = False
    route: str
    values: dict[str, list[Any]]
    replaces: bool = False

    @property
    def resource(self) -> ProviderMap:
        return ProviderMap(self.route)

    @property
    def subject(self) -> str:
        return EVERYTHING

    @property
    def title(self) -> str:
        return SET(settings=f"{self.route}: {', '.join(sorted(self.values)) or '{}'}")[:200]

    def next(self, state: State) -> State:
        kept = {} if self.replaces else state
        return {provider: items for provider, items in {**kept, **self.values}.items() if items}

    def holds(self, state: State) -> bool:
        wanted = self.next(state)
        return bool(meaningful(state) == meaningful(wanted))

    def shown(self, state: State) -> Any:
        return {provider: len(items or []) for provider, items in state.items()}
