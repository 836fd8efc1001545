"""Reading accounts: the upstream's list joined with owners, filtered for the user."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.accounts.auth_files import AuthFile, Health
from providers.accounts.listed import listed_files
from providers.models import Account
from providers.web.listing import Columns


@dataclass(frozen=True)
class AccountRow:
    """An account as one person sees it."""

    file: AuthFile
    owner: User | None
    origin: str
    is_own: bool
    health: Health
    retry_at: datetime | None

    @property
    def success_rate(self) -> float | None:
        """Percent since the upstream's start; None of nothing."""
        total = self.file.success + self.file.failed
        return 100 * self.file.success / total if total else None


# What the list can be sorted by; health from fine to switched off.
COLUMNS: Columns[AccountRow] = {
    "account": lambda row: (row.file.label.lower(), row.file.name),
    "state": lambda row: list(Health).index(row.health),
    "provider": lambda row: row.file.provider_label.lower(),
    "owner": lambda row: row.owner.get_username().lower() if row.owner else None,
    "recent": lambda row: sum(row.file.recent.total),
    "succeeded": lambda row: row.file.success,
    "failed": lambda row: row.file.failed,
    "success": lambda row: row.success_rate,
    "priority": lambda row: row.file.priority,
}


# Of a file that no user owns.
_UNOWNED: tuple[User | None, str] = (None, "")


def account_rows(
    upstream: Upstream, user: User, files: Iterable[AuthFile] | None = None
) -> list[AccountRow]:
    """All accounts for staff, a person's own otherwise; by provider and label. `files` are the
    upstream's, if the caller has read them. Raises UpstreamError."""
    files = listed_files(upstream).files if files is None else files
    owned, now = _owned(upstream), timezone.now()
    rows = (_row(file, owned.get(file.name, _UNOWNED), user, now) for file in files if file.name)
    return [row for row in rows if user.is_staff or row.is_own]


def _owned(upstream: Upstream) -> dict[str, tuple[User, str]]:
    """The owner of each file that has one, and how they became it; each user is read once."""
    owned = Account.objects.filter(upstream=upstream, owner__isnull=False)
    found = owned.values_list("name", "owner_id", "origin")
    users = User.objects.in_bulk({owner_id for _, owner_id, _ in found})
    labels = {origin: str(label) for origin, label in Account.Origin.choices}
    return {
        name: (users[owner_id], labels.get(origin, ""))
        for name, owner_id, origin in found
        if owner_id in users
    }


def _row(file: AuthFile, owned: tuple[User | None, str], user: User, now: datetime) -> AccountRow:
    owner, origin = owned
    retry_at = file.next_retry_at if file.next_retry_at and file.next_retry_at > now else None
    return AccountRow(
        file, owner, origin, owner is not None and owner == user, file.health(now), retry_at
    )


def find_account(upstream: Upstream, user: User, name: str) -> AccountRow | None:
    """One account by its file name, if the person may see it. Raises UpstreamError."""
    return next((row for row in account_rows(upstream, user) if row.file.name == name), None)


def may_change(upstream: Upstream, user: User, name: str) -> bool:
    """Whether a user may change a file: staff, and its owner. Checked for every change."""
    return (
        user.is_staff or Account.objects.filter(upstream=upstream, name=name, owner=user).exists()
    )


def matching(
    rows: list[AccountRow], *, provider: str = "", health: str = "", owner: str = "", text: str = ""
) -> list[AccountRow]:
    """The rows that fit every filter given; `owner` is a user name, or `-` for none."""
    wanted = text.lower()
    return [
        row
        for row in rows
        if provider in ("", row.file.provider)
        and health in ("", row.health)
        and owner in ("", row.owner.get_username() if row.owner else "-")
        and (
            not wanted
            or any(
                wanted in part.lower()
                for part in (row.file.label, row.file.name, row.file.note, row.file.plan)
            )
        )
    ]


def counted(rows: list[AccountRow]) -> dict[str, Any]:
    """How many of each provider, health and owner there are."""
    by_health = Counter(row.health for row in rows)
    by_owner = Counter(row.owner and row.owner.get_username() for row in rows)
    return {
        "providers": sorted(
            Counter((row.file.provider, row.file.provider_label) for row in rows).items()
        ),
        "health": [(health, by_health[health]) for health in Health if by_health[health]],
        "owners": sorted(name for name in by_owner if name),
        "unowned": by_owner[None],
    }


def extra_fields(upstream: Upstream, name: str) -> dict[str, str]:
    """Prefix and proxy of a file, which the list does not hold; without the proxy's user and
    password. Raises UpstreamError."""
    content = auth_file_client.auth_file_content(client_for(upstream), name) or {}
    prefix, proxy = content.get("prefix"), content.get("proxy_url")
    shown = (
        f"{proxy.split('://', 1)[0]}://…@{proxy.rsplit('@', 1)[1]}"
        if isinstance(proxy, str) and "@" in proxy
        else proxy
    )
    return {
        "prefix": prefix if isinstance(prefix, str) else "",
        "proxy_url": shown if isinstance(shown, str) else "",
    }
