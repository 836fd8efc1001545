"""What people do with custom providers and their groups. Rights are checked here."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils.translation import gettext

from management_proxy.client.discovery import DiscoveryFailed, discover_models
from management_proxy.models import Upstream
from monitoring.addresses import AddressRefused
from monitoring.audit import trail
from providers.custom.changes import FAMILY, MoveProvider, OrderProviders, SwitchProviders
from providers.custom.queries import CustomRow, custom_rows
from providers.digests import provider_key_digest
from providers.errors import ChangeRefused
from providers.funnel.writes import perform
from providers.keys import actions as provider_keys
from providers.keys.entries import Entry
from providers.models import Intent, Placement, ProviderGroup, ProviderKey
from providers.permissions import check_may_manage


@dataclass(frozen=True)
class Place:
    """Where a provider belongs; what is None stays as it is."""

    is_shared: bool | None = None
    group: ProviderGroup | None = None
    group_given: bool = False


def create(upstream: Upstream, user: User, fields: Entry, place: Place | None = None) -> Intent:
    """Add a provider that belongs to the user. Raises ChangeRefused naming the field."""
    if place:
        _check_place(user, place, user.pk)
    intent = provider_keys.add(upstream, provider_keys.NewKey(FAMILY, fields, owner=user), user)
    digest = provider_key_digest(FAMILY.route, (str(fields.get("name") or "").strip(),))
    row = ProviderKey.objects.filter(upstream=upstream, family=FAMILY.name, digest=digest).first()
    if place and row:  # also while the outcome is not certain: the row goes again if it fails
        _put(row, place)
    return intent


def edit(upstream: Upstream, user: User, row: CustomRow, fields: Entry) -> Intent:
    """Set some fields, None removing one. Raises ChangeRefused, also if keys would go to another
    address unasked."""
    _require(row)
    check_same_destination(row.listed.entry, fields)
    return provider_keys.edit(upstream, row.listed, fields, user)


def check_same_destination(entry: Entry, fields: Entry) -> None:
    """Stored keys and headers are not sent to a new place: with another address they are
    entered again."""
    if _origin(fields.get("base-url", entry.get("base-url"))) == _origin(entry.get("base-url")):
        return
    stored = {item.get("api-key") for item in entry.get("api-key-entries") or []}
    sent = {
        item.get("api-key")
        for item in fields.get("api-key-entries", entry.get("api-key-entries")) or []
    }
    if stored & sent:
        raise ChangeRefused(
            gettext(
                "Enter the keys again for another address: stored ones are not sent to a new place."
            ),
            "api-key-entries",
        )
    headers, kept = entry.get("headers") or {}, fields.get("headers", entry.get("headers")) or {}
    if any(kept.get(name) == value for name, value in headers.items()):
        raise ChangeRefused(
            gettext(
                "Enter the headers' values again for another address: stored ones are not sent to a"
                " new place."
            ),
            "headers",
        )


def _origin(url: Any) -> tuple[str, str]:
    parts = urlsplit(str(url or ""))
    return parts.scheme, parts.netloc.lower()


def switch(upstream: Upstream, user: User, row: CustomRow, *, disabled: bool) -> Intent:
    """In or out of use. Raises ChangeRefused."""
    _require(row)
    return provider_keys.switch(upstream, row.listed, disabled, user)


def remove(upstream: Upstream, user: User, row: CustomRow) -> Intent:
    """Remove it upstream and here. Raises ChangeRefused."""
    _require(row)
    return provider_keys.remove(upstream, row.listed, user)


def move(upstream: Upstream, user: User, row: CustomRow, *, up: bool) -> Intent:
    """One place up or down in the upstream's list, for staff: the order is everybody's. Raises
    ChangeRefused."""
    if not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may change the order."), "", "AUTH_INSUFFICIENT_PERMISSIONS"
        )
    names = [other.name for other in custom_rows(upstream, user)]
    place = names.index(row.name)
    if (up and place == 0) or (not up and place == len(names) - 1):
        raise ChangeRefused(gettext("It is there already."), "name")
    before = names[place - 1] if up else names[place + 2] if place + 2 < len(names) else ""
    return perform(upstream, MoveProvider(name=row.name, before=before), user)


def order(upstream: Upstream, user: User, names: list[str]) -> Intent:
    """Put some first in the upstream's list, for staff. Raises ChangeRefused."""
    if not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may change the order."), "", "AUTH_INSUFFICIENT_PERMISSIONS"
        )
    return perform(upstream, OrderProviders(names=names), user)


def place_provider(upstream: Upstream, user: User, row: CustomRow, place: Place) -> None:
    """Share it, or put it into a group; one that is not managed here is taken into staff's care.
    Raises ChangeRefused."""
    _require(row)
    _check_place(user, place, row.listed.owner_id)
    key = row.listed.row or provider_keys.adopt(upstream, row.listed, user, owner=None)
    _put(key, place)
    detail = {
        "shared": place.is_shared,
        "group_name": str(place.group or "") if place.group_given else None,
    }
    trail.record(
        user,
        "custom_provider.placed",
        row.name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        detail=detail,
    )


def _check_place(user: User, place: Place, owner_id: int | None) -> None:
    if place.is_shared and not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may share a provider with all users."),
            "is_shared",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    if place.group and place.group.owner_id not in (None, owner_id) and not user.is_staff:
        raise ChangeRefused(
            gettext("That group belongs to another user."), "group", "AUTH_INSUFFICIENT_PERMISSIONS"
        )


def _put(key: ProviderKey, place: Place) -> None:
    values: dict[str, Any] = {"group": place.group} if place.group_given else {}
    if place.is_shared is not None:
        values["is_shared"] = place.is_shared
    Placement.objects.update_or_create(provider_key=key, defaults=values)


def _require(row: CustomRow) -> None:
    if not row.may_manage:
        raise ChangeRefused(gettext("You do not own it."), "", "AUTH_INSUFFICIENT_PERMISSIONS")


# Groups
# --------------------------------------------------------------------------------------------
def save_group(
    upstream: Upstream,
    user: User,
    name: str,
    colour: str,
    *,
    group: ProviderGroup | None = None,
    is_everybodys: bool = False,
) -> ProviderGroup:
    """Make or change a group; everybody's are for staff. Raises ChangeRefused."""
    name = name.strip()
    if not name or len(name) > 50 or not name.isprintable():
        raise ChangeRefused(gettext("A name of 1 to 50 printable characters is needed."), "name")
    if colour not in ProviderGroup.Colour.values:
        raise ChangeRefused(
            gettext("Expected one of %(names)s.")
            % {"names": ", ".join(ProviderGroup.Colour.values)},
            "colour",
        )
    if is_everybodys and not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may create a group for all users."),
            "is_everybodys",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    if group:
        check_may_manage(user, group.owner_id)
    owner = group.owner if group else None if is_everybodys else user
    chosen = group or ProviderGroup(
        upstream=upstream,
        owner=owner,
        position=ProviderGroup.objects.filter(upstream=upstream).count(),
    )
    chosen.name, chosen.colour = name, colour
    try:
        with transaction.atomic():
            chosen.save()
    except IntegrityError as error:
        raise ChangeRefused(
            gettext("There is a group of that name."), "name", "ALREADY_EXISTS"
        ) from error
    trail.record(
        user, "provider_group.saved", name, upstream=upstream.name, outcome=trail.Outcome.SUCCEEDED
    )
    return chosen


def remove_group(user: User, group: ProviderGroup) -> None:
    """Dissolve a group; its providers stay. Raises ChangeRefused."""
    check_may_manage(user, group.owner_id)
    group.delete()
    trail.record(
        user,
        "provider_group.removed",
        group.name,
        upstream=group.upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
    )


def switch_group(upstream: Upstream, user: User, group: ProviderGroup, *, disabled: bool) -> Intent:
    """All its providers in or out of use, upstream and at once. Raises ChangeRefused where one of
    them is not the user's."""
    check_may_manage(user, group.owner_id)
    rows = [row for row in custom_rows(upstream, user) if row.group == group]
    if not rows:
        raise ChangeRefused(gettext("The group is empty."), "", "RESOURCE_NOT_FOUND")
    if foreign := [row.name for row in rows if not row.may_manage]:
        raise ChangeRefused(
            gettext("Not yours to switch: %(names)s.") % {"names": ", ".join(foreign)},
            "",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    change = SwitchProviders(
        group_id=group.pk, group=group.name, names=[row.name for row in rows], disabled=disabled
    )
    return perform(upstream, change, user)


# Discovery
# -----------------------------------------------------------------------------------------
def discover(
    base_url: str, api_key: str, headers: dict[str, str], row: CustomRow | None = None
) -> list[str]:
    """The models that a provider lists. Without a key the stored one is used, at its own address
    only. Raises ChangeRefused."""
    if row and _origin(base_url) == _origin(row.base_url):
        _require(row)
        stored = row.listed.entry.get("api-key-entries") or []
        api_key = api_key or next(
            (str(item.get("api-key") or "") for item in stored if isinstance(item, dict)), ""
        )
        headers = {**(row.listed.entry.get("headers") or {}), **headers}
    try:
        return discover_models(base_url, api_key, headers)
    except (AddressRefused, DiscoveryFailed) as error:
        raise ChangeRefused(str(error), "base-url") from error
