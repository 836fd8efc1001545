"""Reading provider keys: what the upstream lists, joined with who owns it here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from management_proxy.client.errors import NotFound
from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_entries
from management_proxy.models import Upstream
from monitoring.masking import last4
from providers.digests import provider_key_digest
from providers.keys.entries import (
    INDEX,
    Entry,
    identity_of,
    is_disabled,
    masked_entry,
    without_index,
)
from providers.keys.families import FAMILIES, UNNAMED, Family
from providers.models import ProviderKey
from providers.web.forms import fits
from providers.web.listing import Columns


@dataclass(frozen=True)
class ListedKey:
    """One entry as the upstream lists it now, secrets included, and our row of it if it is managed
    here."""

    family: Family
    entry: Entry
    auth_indexes: tuple[str, ...]
    row: ProviderKey | None

    @property
    def identity(self) -> tuple[str, ...]:
        return identity_of(self.family, self.entry)

    @property
    def digest(self) -> bytes:
        return provider_key_digest(self.family.route, self.identity)

    @property
    def id(self) -> str:
        """What addresses and the JSON API call it; reveals nothing of the key."""
        return self.digest.hex()

    @property
    def act_name(self) -> str:
        """What an act on many keys calls it."""
        return f"{self.family.name}:{self.id}"

    @property
    def owner_id(self) -> int | None:
        return self.row.owner_id if self.row else None

    @property
    def name(self) -> str:
        """The name that it was given here."""
        return self.row.name if self.row else ""

    @property
    def note(self) -> str:
        """The note about it."""
        return self.row.note if self.row else ""

    @property
    def masked_key(self) -> str:
        """The name of a named entry, else the last characters of its key."""
        return self.identity[0] if self.family.is_named else last4(self.identity[0])

    @property
    def label(self) -> str:
        """A name for people: the given one, else family and masked key."""
        return self.name or f"{self.family.label} {self.masked_key}"

    @property
    def is_disabled(self) -> bool:
        return is_disabled(self.family, self.entry)

    @property
    def is_loaded(self) -> bool:
        """Whether the upstream made a credential of it."""
        return bool(self.auth_indexes)

    @property
    def state(self) -> str:
        """`disabled`, `used`, or `unloaded` while the upstream made no credential of it."""
        return "disabled" if self.is_disabled else "used" if self.is_loaded else "unloaded"

    @property
    def owner(self) -> User | None:
        """Who owns it here."""
        return self.row.owner if self.row else None

    @property
    def shown(self) -> Entry:
        """The entry with secrets masked."""
        return masked_entry(self.entry)


STATES = (
    ("", _("any")),
    ("used", _("in use")),
    ("unloaded", _("not loaded")),
    ("disabled", _("disabled")),
)
COLUMNS: Columns[ListedKey] = {
    "key": lambda key: key.label.lower(),
    "state": lambda key: ("used", "unloaded", "disabled").index(key.state),
    "family": lambda key: key.family.label.lower(),
    "base-url": lambda key: str(key.entry.get("base-url") or "").lower() or None,
    "owner": lambda key: key.owner.get_username().lower() if key.owner else None,
    "prefix": lambda key: str(key.entry.get("prefix") or "").lower() or None,
    "models": lambda key: len(key.entry.get("models") or ()) or None,
    "priority": lambda key: _number(key.entry.get("priority")),
    "weight": lambda key: _number(key.entry.get("weight")),
}


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def matching(keys: Iterable[ListedKey], chosen: dict[str, str]) -> list[ListedKey]:
    """The keys of this state, owner and text; a text is part of name, last characters, family,
    base URL or prefix."""
    return [
        key
        for key in keys
        if chosen["state"] in ("", key.state)
        and fits(
            chosen,
            key.owner,
            key.label,
            key.masked_key,
            key.family.label,
            key.shown.get("base-url") or "",
            key.entry.get("prefix") or "",
            key.note,
        )
    ]


def listed_keys(
    upstream: Upstream, client: ManagementClient, families: Iterable[Family] = FAMILIES.values()
) -> list[ListedKey]:
    """Every entry of the lists, in the upstream's order; a list that an old upstream does not serve
    is empty. Raises UpstreamError."""
    rows = {
        (row.family, bytes(row.digest)): row
        for row in ProviderKey.objects.filter(upstream=upstream).select_related("owner")
    }
    return [listed for family in families for listed in _of_family(family, client, rows)]


def last_known_keys(upstream: Upstream) -> list[ListedKey]:
    """The keys that are managed here as they were last verified, for while the upstream cannot be
    read; whether it has loaded them is unknown."""
    rows = ProviderKey.objects.filter(upstream=upstream, state=ProviderKey.State.ACTIVE)
    families = {family.name: family for family in UNNAMED}
    return [
        ListedKey(families[row.family], entry, (), row)
        for row in rows.select_related("owner").order_by("family", "pk")
        if row.family in families and (entry := row.entry)
    ]


def _of_family(
    family: Family, client: ManagementClient, rows: dict[tuple[str, bytes], ProviderKey]
) -> Iterator[ListedKey]:
    try:
        entries = read_entries(client, family.route)
    except NotFound:
        return
    for entry in entries:
        plain = without_index(entry)
        row = rows.get((family.name, provider_key_digest(family.route, identity_of(family, plain))))
        yield ListedKey(family, plain, tuple(_indexes(entry)), row)


def _indexes(entry: Entry) -> Iterator[str]:
    carriers: list[Any] = [entry, *(entry.get("api-key-entries") or [])]
    yield from (
        str(carrier[INDEX])
        for carrier in carriers
        if isinstance(carrier, dict) and carrier.get(INDEX)
    )


def find_listed(keys: Iterable[ListedKey], key_id: str) -> ListedKey | None:
    """The key of that id."""
    return next((key for key in keys if key.id == key_id), None)


def visible_to(user: User, keys: Iterable[ListedKey]) -> list[ListedKey]:
    """All for staff; for others those they own."""
    return [
        key
        for key in keys
        if user.is_staff or (key.owner_id is not None and key.owner_id == user.pk)
    ]
