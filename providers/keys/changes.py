"""Changes of provider key lists: an entry more, fewer, or other. Pure but for our half of them, the
`ProviderKey` row."""

from typing import Any

from django.utils.translation import gettext_noop as _

from monitoring.texts.recorded import Recorded
from providers.digests import provider_key_digest
from providers.errors import ChangeRefused
from providers.funnel.changes import Change, State, registered
from providers.keys.entries import (
    EVERYTHING,
    Entry,
    find,
    identity_of,
    is_disabled,
    is_same,
    masked_entry,
    means_same,
    merged,
)
from providers.keys.families import FAMILIES, Family
from providers.keys.resources import EntryList
from providers.keys.titles import ADD, DISABLE, EDIT, ENABLE, REMOVE, RESTORE, titled
from providers.models import Intent, ProviderKey

_GONE = Recorded(_("it is not listed upstream any more"))
_LISTED = Recorded(_("it is listed upstream already; adopt it instead"))
_MOVED = Recorded(_("it was changed in the meantime; reload the page"))
_ANOTHER = Recorded(_("another entry has this key and address already"))
_NOT_UNIQUE = Recorded(
    _(
        "the upstream would make one of it and an entry that agrees in key, address, proxy, prefix"
        " and headers"
    )
)


class _OneEntry(Change, frozen=True, kw_only=True):
    family_name: str
    identity: tuple[str, ...]

    @property
    def family(self) -> Family:
        return FAMILIES[self.family_name]

    @property
    def resource(self) -> EntryList:
        return EntryList(self.family)

    @property
    def digest(self) -> bytes:
        return provider_key_digest(self.family.route, self.identity)

    @property
    def subject(self) -> str:
        return self.digest.hex()

    def shown(self, state: State) -> Any:
        entry = find(self.family, state, self.identity)
        return masked_entry(entry) if entry else None

    def row(self, intent: Intent) -> Any:
        """Our row of the entry, as a query."""
        return ProviderKey.objects.filter(
            upstream_id=intent.upstream_id, family=self.family_name, digest=self.digest
        )


@registered
class AddEntry(_OneEntry, frozen=True, kw_only=True):
    """One entry more, at the end of its list. The row exists since the request."""

    kind = "provider_key.added"
    entry: Entry

    @property
    def title(self) -> str:
        return titled(ADD, self.family, self.identity)

    def next(self, state: State) -> State:
        if find(self.family, state, self.identity):
            raise ChangeRefused(
                _LISTED(),
                self.family.identity[0],
                "KEY_ALREADY_EXISTS",
            )
        if self.family.unique_by and any(_agree(self.family, self.entry, other) for other in state):
            raise ChangeRefused(_NOT_UNIQUE(), self.family.identity[0], "KEY_ALREADY_EXISTS")
        return [*state, self.entry]

    def holds(self, state: State) -> bool:
        # Fields that an old upstream discards do not come with a second try; `partly` names them.
        return find(self.family, state, self.identity) is not None

    def partly(self, state: State) -> str:
        found = find(self.family, state, self.identity)
        return ", ".join(_differing(found, self.entry)) if found else ""

    def confirmed(self, intent: Intent) -> None:
        row = self.row(intent).first()
        if row:
            row.state = ProviderKey.State.ACTIVE
            row.store_entry(_kept(self.entry, intent))
            row.save(update_fields=["state", "entry_encrypted", "base_url"])

    def undone(self, intent: Intent) -> None:
        self.row(intent).filter(state=ProviderKey.State.REQUESTED).delete()


@registered
class EditEntry(_OneEntry, frozen=True, kw_only=True):
    """Some fields of an entry set, None removing one; refused if one of them is no longer what the
    editor saw."""

    kind = "provider_key.edited"
    fields: Entry
    opened: Entry

    @property
    def title(self) -> str:
        return titled(EDIT, self.family, self.identity, fields=", ".join(sorted(self.fields)))

    @property
    def new_identity(self) -> tuple[str, ...]:
        """What identifies the entry afterwards."""
        return tuple(
            str(self.fields.get(name, old) or "")
            for name, old in zip(self.family.identity, self.identity, strict=True)
        )

    def next(self, state: State) -> State:
        found = find(self.family, state, self.identity)
        if found is None:
            raise ChangeRefused(_GONE(), "", "KEY_NOT_FOUND")
        for name in self.fields:
            if not means_same(found.get(name), self.opened.get(name)):
                raise ChangeRefused(_MOVED(), name, "CONFLICT")
        edited = merged(found, self.fields)
        others = [entry for entry in state if entry is not found]
        if find(self.family, others, self.new_identity) or (
            self.family.unique_by and any(_agree(self.family, edited, other) for other in others)
        ):
            raise ChangeRefused(
                _ANOTHER(),
                self.family.identity[0],
                "KEY_ALREADY_EXISTS",
            )
        return [edited if entry is found else entry for entry in state]

    def holds(self, state: State) -> bool:
        found = find(self.family, state, self.new_identity)
        return found is not None and not _differing(found, self.fields)

    def partly(self, state: State) -> str:
        found = find(self.family, state, self.new_identity)
        return ", ".join(_differing(found, self.fields)) if found else ""

    def shown(self, state: State) -> Any:
        entry = find(self.family, state, self.identity) or find(
            self.family, state, self.new_identity
        )
        return masked_entry(entry) if entry else None

    def confirmed(self, intent: Intent) -> None:
        row = self.row(intent).first()
        if row:
            row.digest = provider_key_digest(self.family.route, self.new_identity)
            row.store_entry(
                merged(
                    row.entry or dict(zip(self.family.identity, self.identity, strict=True)),
                    _kept(self.fields, intent),
                )
            )
            row.save(update_fields=["digest", "entry_encrypted", "base_url", "last_four"])


@registered
class SwitchEntry(_OneEntry, frozen=True, kw_only=True):
    """An entry in or out of use: by its switch, or by excluding every model, which leaves other
    exclusions alone."""

    kind = "provider_key.switched"
    disabled: bool

    @property
    def title(self) -> str:
        return titled(DISABLE if self.disabled else ENABLE, self.family, self.identity)

    def next(self, state: State) -> State:
        found = find(self.family, state, self.identity)
        if found is None:
            raise ChangeRefused(_GONE(), "", "KEY_NOT_FOUND")
        return [self.switched(found) if entry is found else entry for entry in state]

    def switched(self, entry: Entry) -> Entry:
        """The entry as it is afterwards."""
        if is_disabled(self.family, entry) == self.disabled:
            return entry
        if self.family.is_named:
            return {**entry, "disabled": self.disabled}
        others = [
            pattern for pattern in entry.get("excluded-models") or [] if pattern != EVERYTHING
        ]
        return {**entry, "excluded-models": [*others, EVERYTHING] if self.disabled else others}

    def holds(self, state: State) -> bool:
        found = find(self.family, state, self.identity)
        return found is not None and is_disabled(self.family, found) == self.disabled

    def confirmed(self, intent: Intent) -> None:
        row = self.row(intent).first()
        if row and row.entry:
            row.store_entry(self.switched(row.entry))
            row.save(update_fields=["entry_encrypted"])


@registered
class RemoveEntry(_OneEntry, frozen=True, kw_only=True):
    """One entry fewer."""

    kind = "provider_key.removed"

    @property
    def title(self) -> str:
        return titled(REMOVE, self.family, self.identity)

    def next(self, state: State) -> State:
        return [entry for entry in state if identity_of(self.family, entry) != self.identity]

    def holds(self, state: State) -> bool:
        return find(self.family, state, self.identity) is None

    def confirmed(self, intent: Intent) -> None:
        self.row(intent).delete()


@registered
class PutEntry(_OneEntry, frozen=True, kw_only=True):
    """An entry exactly as we believe it to be, whatever is in its place: reconciliation towards
    the upstream."""

    kind = "provider_key.restored"
    entry: Entry

    @property
    def title(self) -> str:
        return titled(RESTORE, self.family, self.identity)

    def next(self, state: State) -> State:
        found = find(self.family, state, self.identity)
        if found is None:
            return [*state, self.entry]
        return [self.entry if entry is found else entry for entry in state]

    def holds(self, state: State) -> bool:
        found = find(self.family, state, self.identity)
        return found is not None and is_same(found, self.entry)

    def partly(self, state: State) -> str:
        found = find(self.family, state, self.identity)
        return ", ".join(_differing(found, self.entry)) if found else ""

    def confirmed(self, intent: Intent) -> None:
        self.row(intent).update(state=ProviderKey.State.ACTIVE)


def _kept(fields: Entry, intent: Intent) -> Entry:
    """The fields but for those that the upstream discarded, so that they are not taken for
    drift."""
    return {
        name: value for name, value in fields.items() if name not in intent.discarded.split(", ")
    }


def _differing(found: Entry, wanted: Entry) -> list[str]:
    """Names of the fields that are not as wanted."""
    return sorted(name for name, value in wanted.items() if not means_same(found.get(name), value))


def _agree(family: Family, one: Entry, other: Entry) -> bool:
    return all(means_same(one.get(name), other.get(name)) for name in family.unique_by)
