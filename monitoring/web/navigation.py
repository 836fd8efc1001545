"""The navigation in every page's frame: apps register their entries, since this app knows none of
them."""

from dataclasses import dataclass

from django.urls import ResolverMatch
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

HEADINGS: dict[str, str | Promise] = {
    "Insight": _("Insight"),
    "Upstream": _("Upstream"),
    "Account": pgettext_lazy("of the user", "Account"),
    "Operations": _("Operations"),
}


@dataclass(frozen=True)
class Entry:
    """One line under a heading, in the order of `place`; `icon` names a symbol of static/icons.svg.

    Pages of `namespaces`, and those with URL names of `also`, show as this entry.
    """

    heading: str
    place: int
    label: str
    url_name: str
    icon: str
    staff_only: bool = False
    namespaces: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Entries under one heading."""

    label: str
    entries: list[Entry]


_entries: dict[str, Entry] = {}


def register(*entries: Entry) -> None:
    """Add entries, or replace those of the same URL names."""
    _entries.update({entry.url_name: entry for entry in entries})


def groups(*, is_staff: bool) -> list[Group]:
    """What a user may follow, without empty headings."""
    allowed = sorted(
        (entry for entry in _entries.values() if is_staff or not entry.staff_only),
        key=lambda entry: entry.place,
    )
    found = [
        Group(str(label), [entry for entry in allowed if entry.heading == heading])
        for heading, label in HEADINGS.items()
    ]
    return [group for group in found if group.entries]


def current(match: ResolverMatch | None) -> str:
    """The URL name of the entry to which a page belongs, else that of the page; empty for none."""
    if match is None:
        return ""
    for entry in _entries.values():
        if match.namespace in entry.namespaces or match.view_name in entry.also:
            return entry.url_name
    return match.view_name
