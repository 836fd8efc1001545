"""A provider key list of the upstream, and the smallest safe request between two states of it.

PATCH and DELETE of one entry leave the others alone, so they are chosen wherever they can do it
(contract 6.5). Else the whole list is put, just after making sure that it still is what was read;
what a foreign client writes in the millisecond between the two is the one thing that can be lost
here, and nothing upstream could report it.
"""

from dataclasses import dataclass
from typing import Any

from management_proxy.client import lists as list_client
from management_proxy.client.errors import NotFound
from management_proxy.client.http import ManagementClient
from providers.funnel.changes import Moved
from providers.keys.entries import Entry, identity_of, meaningful, means_same, without_index
from providers.keys.families import Family

# What means "nothing" in a PATCH, where a missing field means "as it was".
_CLEARED: dict[str, Any] = {
    "weight": None,
    "disable-cooling": None,
    "prefix": "",
    "proxy-url": "",
    "headers": {},
    "excluded-models": [],
    "models": [],
    "request-scoped-errors": [],
    "api-key-entries": [],
    "disabled": False,
    "websockets": False,
    "alpha-search": False,
    "rebuild-mid-system-message": False,
    "support-prompt-cache-key": False,
    "fingerprint-profile": "",
    "priority": 0,
}


@dataclass(frozen=True)
class EntryList:
    """One provider key list; a state is a list of entries without `auth-index`."""

    family: Family
    reloads: bool = True

    @property
    def name(self) -> str:
        return self.family.route

    def read(self, client: ManagementClient) -> list[Entry]:
        try:
            return [without_index(entry) for entry in list_client.read_entries(client, self.name)]
        except NotFound as error:
            raise NotFound(
                f"this upstream does not serve {self.name}: it is too old for it, or management is"
                " switched off",
                error.status,
            ) from error

    def write(self, client: ManagementClient, before: list[Entry], after: list[Entry]) -> None:
        if (gone := self._single_removal(before, after)) is not None:
            list_client.delete_entry(
                client,
                self.name,
                dict(zip(self.family.identity, identity_of(self.family, gone), strict=True)),
            )
        elif change := self._single_patch(before, after):
            list_client.patch_entry(client, self.name, *change)
        else:
            if meaningful(self.read(client)) != meaningful(before):
                raise Moved
            list_client.replace_list(client, self.name, after)

    def _single_removal(self, before: list[Entry], after: list[Entry]) -> Entry | None:
        if len(after) != len(before) - 1:
            return None
        at = next((n for n, entry in enumerate(after) if entry != before[n]), len(after))
        is_alone = self._count(before, self.family.identity, before[at]) == 1
        return before[at] if is_alone and [*before[:at], *before[at + 1 :]] == after else None

    def _single_patch(self, before: list[Entry], after: list[Entry]) -> tuple[Entry, Entry] | None:
        """Selector and partial entry, if a PATCH can do it all and cannot hit another entry."""
        changed = [n for n, (old, new) in enumerate(zip(before, after, strict=False)) if old != new]
        if len(before) != len(after) or len(changed) != 1:
            return None
        old, new = before[changed[0]], after[changed[0]]
        fields = {name for name in {*old, *new} if not means_same(old.get(name), new.get(name))}
        selector = self.family.identity[0]
        fits = (
            fields
            and fields <= self.family.patched
            and all(name in new or name in _CLEARED for name in fields)
        )
        if not fits or not old.get(selector) or self._count(before, (selector,), old) != 1:
            return None
        value = {
            name: new[name] if new.get(name) is not None else _CLEARED.get(name)
            for name in sorted(fields)
        }
        return {"name" if self.family.is_named else "match": old[selector]}, value

    @staticmethod
    def _count(entries: list[Entry], names: tuple[str, ...], like: Entry) -> int:
        return sum(
            all((entry.get(name) or "") == (like.get(name) or "") for name in names)
            for entry in entries
        )
