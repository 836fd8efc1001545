"""Reading client keys: what is managed here, what the upstream lists, what was used."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from django.contrib.auth.models import User
from django.core.cache import cache as shared_cache
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from management_proxy.client.http import ManagementClient
from management_proxy.client.lists import read_client_keys
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.client_keys.consumption import Consumption, consumption_of
from providers.client_keys.limits import Standing, standing_of
from providers.digests import client_key_digest, last_four
from providers.models import ClientKey
from providers.web.forms import fits
from providers.web.listing import Columns

# The states by which the list is filtered: a key that is of no use any more is past.
PAST = "past"
STATES = (
    ("", _("current")),
    (ClientKey.State.ACTIVE, _("in use")),
    (ClientKey.State.SEEN, _("not managed")),
    (ClientKey.State.REQUESTED, _("pending")),
    (ClientKey.State.WITHHELD, _("withheld")),
    (PAST, _("revoked or expired")),
)
# What all keys used, by which they are sorted, may be this old; what a page shows is read for it.
_USE_KEPT_SECONDS = 60


@dataclass(frozen=True)
class ShownKey:
    """One client key for people: our row, what it used this month, whether the upstream lists it
    (None: not known)."""

    row: ClientKey
    used: Consumption
    standing: Standing
    is_listed: bool | None

    @property
    def is_lost(self) -> bool:
        """In use by our belief, and not listed upstream."""
        return self.is_listed is False and self.row.state == ClientKey.State.ACTIVE


def listed_digests(client: ManagementClient) -> dict[bytes, str]:
    """Digest and last four characters of every client key that the upstream lists. Raises
    UpstreamError."""
    return {
        client_key_digest(key): last_four(key.strip())
        for key in read_client_keys(client)
        if key.strip()
    }


def listed_texts(upstream: Upstream) -> dict[bytes, str]:
    """The keys themselves that the upstream lists, by digest. Raises UpstreamError."""
    listed = (key.strip() for key in read_client_keys(client_for(upstream)))
    return {client_key_digest(key): key for key in listed if key}


def note_listed(upstream: Upstream, listed: dict[bytes, str]) -> None:
    """Make a row for each listed key that has none, so that it can be adopted."""
    rows = ClientKey.objects.filter(upstream=upstream).values_list("digest", flat=True)
    known = set(map(bytes, rows))
    new = [
        ClientKey(upstream=upstream, digest=digest, last_four=four)
        for digest, four in listed.items()
        if digest not in known
    ]
    ClientKey.objects.bulk_create(new, ignore_conflicts=True)


def visible_rows(user: User, upstream: Upstream) -> QuerySet[ClientKey]:
    """All of the upstream for staff; for others those they own."""
    rows = ClientKey.objects.filter(upstream=upstream).prefetch_related("owner")
    return rows if user.is_staff else rows.filter(owner=user)


def is_past(row: ClientKey, listed: dict[bytes, str] | None) -> bool:
    """Whether it is revoked, or was never managed and is not listed any more."""
    return row.state == ClientKey.State.REVOKED or (
        row.state == ClientKey.State.SEEN and listed is not None and bytes(row.digest) not in listed
    )


def matching(
    rows: Iterable[ClientKey], listed: dict[bytes, str] | None, chosen: dict[str, str]
) -> list[ClientKey]:
    """The rows of this state (by default those that are not past), owner and text."""
    state = chosen["state"]
    return [
        row
        for row in rows
        if is_past(row, listed) == (state == PAST)
        and state in ("", PAST, row.state)
        and fits(chosen, row.owner, row.display_name, row.last_four, row.note)
    ]


def columns_of(upstream: Upstream) -> Columns[ClientKey]:
    """What the upstream's keys can be sorted by; what they used is read only if it is that."""

    @cache
    def used() -> dict[int, Consumption]:
        return _used_by_all(upstream)

    def use_of(row: ClientKey) -> Consumption:
        return used().get(row.pk) or Consumption()

    return {
        "key": lambda row: row.display_name.lower(),
        "state": lambda row: ClientKey.State.values.index(row.state),
        "owner": lambda row: row.owner.get_username().lower() if row.owner else None,
        "requests": lambda row: use_of(row).requests,
        "tokens": lambda row: use_of(row).tokens,
        "limit": lambda row: standing_of(row, use_of(row)).share,
        "used": lambda row: use_of(row).last_used_at,
        "expires": lambda row: row.expires_at,
        "created": lambda row: row.first_seen_at,
    }


def _used_by_all(upstream: Upstream) -> dict[int, Consumption]:
    """What each of an upstream's keys used, at most a minute old."""

    def read() -> dict[int, Consumption]:
        rows = ClientKey.objects.filter(upstream=upstream)
        return consumption_of(list(rows.values_list("pk", flat=True)))

    name = f"providers.client_keys.used:{upstream.pk}"
    found: dict[int, Consumption] | None = shared_cache.get_or_set(name, read, _USE_KEPT_SECONDS)
    return found or {}


def shown_keys(rows: Iterable[ClientKey], listed: dict[bytes, str] | None) -> list[ShownKey]:
    """The rows with their use and standing; `listed` is what the upstream lists, None if that is
    not known."""
    rows = list(rows)
    used = consumption_of([row.pk for row in rows])
    return [
        ShownKey(
            row,
            used[row.pk],
            standing_of(row, used[row.pk]),
            None if listed is None else bytes(row.digest) in listed,
        )
        for row in rows
    ]
