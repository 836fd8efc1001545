"""Reading custom providers: the upstream's `openai-compatibility` list joined with owners, sharing
and groups."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils.translation import gettext

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.masking import last4
from providers.custom.changes import FAMILY
from providers.errors import ChangeRefused
from providers.keys.queries import ListedKey, listed_keys
from providers.models import Placement, ProviderGroup
from providers.permissions import may_manage


@dataclass(frozen=True)
class CustomRow:
    """A custom provider as one person sees it."""

    listed: ListedKey
    placement: Placement | None
    may_manage: bool

    @property
    def name(self) -> str:
        return self.listed.identity[0]

    @property
    def owner(self) -> User | None:
        return self.listed.row.owner if self.listed.row else None

    @property
    def group(self) -> ProviderGroup | None:
        return self.placement.group if self.placement else None

    @property
    def is_shared(self) -> bool:
        return self.placement is not None and self.placement.is_shared

    @property
    def base_url(self) -> str:
        return str(self.listed.entry.get("base-url") or "")

    @property
    def key_hints(self) -> list[str]:
        """The last characters of each key; nothing for those who may not manage it."""
        entries = self.listed.entry.get("api-key-entries") or []
        return (
            [last4(str(item.get("api-key") or "")) for item in entries if isinstance(item, dict)]
            if self.may_manage
            else []
        )

    @property
    def models(self) -> list[dict[str, Any]]:
        return [model for model in self.listed.entry.get("models") or [] if isinstance(model, dict)]


@dataclass(frozen=True)
class Section:
    """Providers of one group, or of none."""

    group: ProviderGroup | None
    rows: list[CustomRow]
    may_manage: bool

    @property
    def state(self) -> str:
        """`true` when all are in use, `false` when none is, else `mixed`: as a switch shows it."""
        in_use = {not row.listed.is_disabled for row in self.rows}
        return "mixed" if len(in_use) > 1 else "true" if in_use == {True} else "false"


def custom_rows(upstream: Upstream, user: User) -> list[CustomRow]:
    """All for staff; for others their own and the shared ones. In the upstream's order. Raises
    UpstreamError."""
    placements = {
        p.provider_key_id: p
        for p in Placement.objects.filter(provider_key__upstream=upstream).select_related(
            "group__owner"
        )
    }
    found = listed_keys(upstream, client_for(upstream), [FAMILY])
    rows = [
        CustomRow(
            listed,
            placements.get(listed.row.pk) if listed.row else None,
            may_manage(user, listed.owner_id),
        )
        for listed in found
    ]
    return [row for row in rows if row.may_manage or row.is_shared]


def find_custom(upstream: Upstream, user: User, name: str) -> CustomRow:
    """One by its name, if the person may see it. Raises ChangeRefused and UpstreamError."""
    row = (
        next((row for row in custom_rows(upstream, user) if row.name == name), None)
        if name
        else None
    )
    if row is None:
        raise ChangeRefused(
            gettext("There is no such provider, or it is not yours."), "name", "RESOURCE_NOT_FOUND"
        )
    return row


def visible_groups(upstream: Upstream, user: User) -> QuerySet[ProviderGroup]:
    """A user's own groups and those without an owner; all for staff."""
    groups = ProviderGroup.objects.filter(upstream=upstream).select_related("owner")
    return groups if user.is_staff else groups.filter(Q(owner=user) | Q(owner=None))


def sections(
    rows: Iterable[CustomRow], groups: Iterable[ProviderGroup], user: User
) -> list[Section]:
    """The rows by group, groups first, empty ones too; those without a visible group last."""
    rows, groups = list(rows), list(groups)
    known = {group.pk for group in groups}
    by_group = [
        Section(
            group,
            [row for row in rows if row.group == group],
            user.is_staff or group.owner_id == user.pk,
        )
        for group in groups
    ]
    rest = [row for row in rows if row.group is None or row.group.pk not in known]
    return [*by_group, Section(None, rest, False)] if rest else by_group
