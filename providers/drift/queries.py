"""Drift: what we believe an upstream to hold, compared with what it lists.

    only here    we manage it, and the upstream does not list it: another program removed it, or a
                 write of theirs swallowed it
    only there   the upstream lists it, and we do not manage it, or revoked it
    different    both have it, and it was changed past us

A difference is fixed in one of two directions: `here`, the upstream becomes as we believe it to
be, through the funnel; `there`, we take over how the upstream is. What is about to be changed by a
waiting intent is no difference.
"""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.client_keys.queries import listed_digests
from providers.keys.entries import is_same, means_same
from providers.keys.families import FAMILIES
from providers.keys.queries import ListedKey, listed_keys
from providers.models import ClientKey, DriftCheck, Intent, ProviderKey

Kind = Literal["only here", "only there", "different"]
MOST_KEPT = 500


@dataclass(frozen=True)
class Difference:
    """One thing on which we and the upstream disagree; `id` says which across requests, without a
    secret."""

    id: str
    kind: Kind
    thing: str
    label: str
    owner: str = ""
    detail: str = ""
    # Whether the upstream can be made as we believe it to be.
    can_restore: bool = True


def compare(upstream: Upstream, client: ManagementClient) -> list[Difference]:
    """Every difference at this moment. Raises UpstreamError."""
    busy = set(
        Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED).values_list(
            "subject", flat=True
        )
    )
    found = [
        *_client_keys(upstream, listed_digests(client), busy),
        *_provider_keys(upstream, listed_keys(upstream, client), busy),
    ]
    return sorted(
        found, key=lambda difference: (difference.thing, difference.kind, difference.label)
    )


def _client_keys(
    upstream: Upstream, listed: dict[bytes, str], busy: set[str]
) -> Iterator[Difference]:
    rows = {
        bytes(row.digest): row
        for row in ClientKey.objects.filter(upstream=upstream).select_related("owner")
    }
    kept = kept_client_keys(upstream)
    for digest, row in rows.items():
        if f"client-key:{row.pk}" in busy:
            continue
        owner = row.owner.get_username() if row.owner else ""
        if row.state == ClientKey.State.ACTIVE and digest not in listed:
            why = (
                ""
                if row.pk in kept
                else _("the key itself is not kept, so it cannot be put back; make another")
            )
            yield Difference(
                f"client-key.{digest.hex()}",
                "only here",
                _("client key"),
                row.display_name,
                owner,
                why,
                row.pk in kept,
            )
        elif digest in listed and row.state in (ClientKey.State.SEEN, ClientKey.State.REVOKED):
            why = (
                _("revoked here, and listed again") if row.state == ClientKey.State.REVOKED else ""
            )
            yield Difference(
                f"client-key.{digest.hex()}",
                "only there",
                _("client key"),
                row.display_name,
                owner,
                why,
            )
    for digest, four in listed.items():
        if digest not in rows:
            yield Difference(
                f"client-key.{digest.hex()}", "only there", _("client key"), f"…{four}"
            )


def kept_client_keys(upstream: Upstream) -> dict[int, Intent]:
    """The newest additions whose key is still kept, by client key."""
    added = Intent.objects.filter(
        upstream=upstream, kind="client_key.added", state=Intent.State.VERIFIED
    ).exclude(change_encrypted=b"")
    return {
        int(intent.subject.removeprefix("client-key:")): intent for intent in added.order_by("pk")
    }


def _provider_keys(
    upstream: Upstream, listed: Iterable[ListedKey], busy: set[str]
) -> Iterator[Difference]:
    theirs = {(key.family.name, key.digest): key for key in listed}
    rows = {
        (row.family, bytes(row.digest)): row
        for row in ProviderKey.objects.filter(upstream=upstream).select_related("owner")
    }
    for identity, row in rows.items():
        key = theirs.get(identity)
        if identity[1].hex() in busy or row.state != ProviderKey.State.ACTIVE:
            continue
        if key is None:
            yield _of_row(
                row,
                "only here",
                "" if row.entry else _("nothing is kept of it that could be put back"),
            )
        elif (entry := row.entry) and not is_same(entry, key.entry):
            yield _of_row(row, "different", ", ".join(_differing(entry, key.entry)))
    for identity, key in theirs.items():
        # Entries with a name are custom providers, which have a page and owners of their own.
        if identity not in rows and key.id not in busy and not key.family.is_named:
            yield Difference(
                f"provider-key.{key.family.name}.{key.id}",
                "only there",
                _("provider key"),
                key.label,
            )


def _of_row(row: ProviderKey, kind: Kind, detail: str) -> Difference:
    owner = row.owner.get_username() if row.owner else ""
    label = row.name or f"{FAMILIES[row.family].label} …{row.last_four}"
    return Difference(
        f"provider-key.{row.family}.{bytes(row.digest).hex()}",
        kind,
        _("provider key"),
        label,
        owner,
        detail,
        bool(row.entry_encrypted),
    )


def _differing(ours: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    return sorted(
        name for name in {*ours, *theirs} if not means_same(ours.get(name), theirs.get(name))
    )


def check_drift(upstream: Upstream) -> DriftCheck:
    """Compare and keep what was found, for the pages and the health check."""
    found: dict[str, Any] = {"checked_at": timezone.now(), "error": ""}
    try:
        found["differences"] = [
            asdict(difference) for difference in compare(upstream, client_for(upstream))[:MOST_KEPT]
        ]
    except UpstreamError as error:
        found["error"] = str(error)[:500]
    check, _ = DriftCheck.objects.update_or_create(upstream=upstream, defaults=found)
    return check
