"""Changes that concern several custom providers at once: a group's switch, and the order."""

from typing import Any

from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.digests import provider_key_digest
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, State, registered
from providers.keys.families import FAMILIES
from providers.keys.resources import EntryList
from providers.models import Intent, ProviderKey

FAMILY = FAMILIES["openai-compatibility"]
_ENABLE = Recorded(_("Enable group %(group)s"))
_DISABLE = Recorded(_("Disable group %(group)s"))
_MOVE = Recorded(_("Move %(provider)s before %(other)s"))
_MOVE_LAST = Recorded(_("Move %(provider)s to the end"))
_PUT_FIRST = Recorded(_("Put %(providers)s first"))
_NONE_LISTED = Recorded(_("None of the group's providers is listed upstream."))
_PLACE_GONE = Recorded(_("The provider, or the one it should precede, is gone."))


class _CustomProviders(Change, frozen=True, kw_only=True):
    @property
    def resource(self) -> EntryList:
        return EntryList(FAMILY)


@registered
class SwitchProviders(_CustomProviders, frozen=True, kw_only=True):
    """All providers of a group in or out of use; those that are gone are left out."""

    kind = "custom_providers.switched"
    group_id: int
    group: str
    names: list[str]
    disabled: bool

    @property
    def subject(self) -> str:
        return f"group:{self.group_id}"

    @property
    def title(self) -> str:
        return (_DISABLE if self.disabled else _ENABLE)(group=self.group)

    def next(self, state: State) -> State:
        if not any(entry.get("name") in self.names for entry in state):
            raise ChangeRefused(_NONE_LISTED(), "", "RESOURCE_NOT_FOUND")
        return [
            {**entry, "disabled": self.disabled} if self._differs(entry) else entry
            for entry in state
        ]

    def _differs(self, entry: dict[str, Any]) -> bool:
        return entry.get("name") in self.names and (entry.get("disabled") is True) != self.disabled

    def holds(self, state: State) -> bool:
        return not any(self._differs(entry) for entry in state)

    def shown(self, state: State) -> Any:
        return {
            entry["name"]: entry.get("disabled") is True
            for entry in state
            if entry.get("name") in self.names
        }

    def confirmed(self, intent: Intent) -> None:
        digests = [provider_key_digest(FAMILY.route, (name,)) for name in self.names]
        for row in ProviderKey.objects.filter(
            upstream_id=intent.upstream_id, family=FAMILY.name, digest__in=digests
        ):
            if row.entry:
                row.store_entry({**row.entry, "disabled": self.disabled})
                row.save(update_fields=["entry_encrypted"])


@registered
class MoveProvider(_CustomProviders, frozen=True, kw_only=True):
    """One provider before another, or to the end of the list."""

    kind = "custom_providers.moved"
    joins = False
    name: str
    before: str  # empty: the end

    @property
    def subject(self) -> str:
        return "order"

    @property
    def title(self) -> str:
        if not self.before:
            return _MOVE_LAST(provider=self.name)
        return _MOVE(provider=self.name, other=self.before)

    def next(self, state: State) -> State:
        moved = [entry for entry in state if entry.get("name") == self.name]
        others = [entry for entry in state if entry.get("name") != self.name]
        place = (
            next((n for n, entry in enumerate(others) if entry.get("name") == self.before), None)
            if self.before
            else len(others)
        )
        if not moved or place is None:
            raise ChangeRefused(_PLACE_GONE(), "name", "RESOURCE_NOT_FOUND")
        return [*others[:place], *moved, *others[place:]]

    def holds(self, state: State) -> bool:
        try:
            return bool(self.next(state) == state)
        except ChangeRefused:
            return False

    def shown(self, state: State) -> Any:
        return [str(entry.get("name")) for entry in state]


@registered
class OrderProviders(_CustomProviders, frozen=True, kw_only=True):
    """Some providers at the front of the list, in an order; the others keep theirs behind them."""

    kind = "custom_providers.ordered"
    joins = False
    names: list[str]

    @property
    def subject(self) -> str:
        return "order"

    @property
    def title(self) -> str:
        return _PUT_FIRST(providers=", ".join(self.names))[:200]

    def next(self, state: State) -> State:
        places = {name: place for place, name in enumerate(self.names)}
        return sorted(state, key=lambda entry: places.get(str(entry.get("name")), len(places)))

    def holds(self, state: State) -> bool:
        return bool(self.next(state) == state)

    def shown(self, state: State) -> Any:
        return [str(entry.get("name")) for entry in state]
