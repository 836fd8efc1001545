"""What people do with accounts. Rights are checked here, so that pages and JSON cannot forget
them."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.client import auth_files as auth_file_client
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.audit import trail
from monitoring.web.formats import localized
from providers.accounts.auth_files import AuthFile, auth_file_of
from providers.accounts.changes import (
    FIELDS,
    DeleteAccount,
    SetAccountFields,
    SwitchAccount,
    UploadAuthFile,
)
from providers.accounts.queries import may_change
from providers.accounts.uploads import checked_upload, twin_of
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.funnel.writes import perform
from providers.models import Account, AccountLogin, Intent

HEAVIEST = 1_000_000
LONGEST_NOTE = 500


def _connected_already(email: str, known_as: str) -> str:
    text = (
        gettext(
            "The account %(email)s is connected already as %(name)s. Two copies invalidate each"
            " other's tokens; confirm if you want it all the same."
        )
        if known_as
        else gettext(
            "The account %(email)s is connected already. Two copies invalidate each other's"
            " tokens; confirm if you want it all the same."
        )
    )
    return text % {"email": email, "name": known_as}


def upload(
    upstream: Upstream,
    user: User,
    name: str,
    content: bytes,
    *,
    provider: str = "",
    twin_accepted: bool = False,
) -> Intent:
    """Write a new auth file, whose uploader owns it. Raises ChangeRefused naming what is wrong, and
    UpstreamError."""
    file = checked_upload(name, content)
    if provider not in ("", file.provider):
        raise ChangeRefused(
            gettext("The file is of %(provider)s, not of %(wanted)s.")
            % {"provider": file.provider, "wanted": provider},
            "file",
        )
    present = [
        auth_file_of(entry) for entry in auth_file_client.list_auth_files(client_for(upstream))
    ]
    if any(other.name.lower() == file.name.lower() for other in present):
        raise ChangeRefused(
            gettext(
                "A file of that name exists upstream; rename yours, or delete the other first."
            ),
            "file",
            "ALREADY_EXISTS",
        )
    if (twin := twin_of(file, present)) and not twin_accepted:
        known_as = twin.name if may_change(upstream, user, twin.name) else ""
        message = _connected_already(file.email, known_as)
        raise ChangeRefused(message, "twin_accepted", "DUPLICATE_ACCOUNT")
    change = UploadAuthFile(
        name=file.name,
        content=file.content,
        provider=file.provider,
        label=file.email or file.name,
        owner_id=user.pk,
    )
    return perform(upstream, change, user)


def switch(upstream: Upstream, user: User, name: str, *, disabled: bool) -> Intent:
    """Enable or disable an account. Raises ChangeRefused."""
    return _perform(upstream, user, name, SwitchAccount(name=name, disabled=disabled))


def edit(upstream: Upstream, user: User, name: str, fields: dict[str, Any]) -> Intent:
    """Set some of note, priority, weight, prefix, proxy_url; None clears one. Raises
    ChangeRefused."""
    unknown = [field for field in fields if field not in FIELDS]
    if unknown or not fields:
        raise ChangeRefused(
            gettext("Expected some of %(fields)s.") % {"fields": ", ".join(FIELDS)},
            unknown[0] if unknown else "",
        )
    if "proxy_url" in fields and not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may send an account through a proxy."),
            "proxy_url",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    return _perform(
        upstream,
        user,
        name,
        SetAccountFields(
            name=name,
            fields={field: checked_field(field, value) for field, value in fields.items()},
        ),
    )


def checked_field(field: str, value: Any) -> str | int | None:
    """The value as it is sent, None to clear it. Raises ChangeRefused."""
    if value is None or value == "":
        return None
    if field in ("priority", "weight"):
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > HEAVIEST:
            raise ChangeRefused(
                gettext("Expected a whole number, at most %(most)s.")
                % {"most": localized(f"{HEAVIEST:,}")},
                field,
            )
        return value
    if not isinstance(value, str) or len(value) > LONGEST_NOTE or not value.isprintable():
        raise ChangeRefused(
            gettext("Expected at most %(most)s printable characters.") % {"most": LONGEST_NOTE},
            field,
        )
    if field == "prefix" and "/" in value.strip("/"):
        raise ChangeRefused(
            gettext("A prefix contains no slash; the upstream would drop it."), field
        )
    if (
        field == "proxy_url"
        and value != "direct"
        and not value.startswith(("http://", "https://", "socks5://", "socks5h://"))
    ):
        raise ChangeRefused(
            gettext("Expected an http, https or socks5 address, or “direct”."), field
        )
    return value.strip("/ ") if field == "prefix" else value.strip()


def delete(upstream: Upstream, user: User, name: str) -> Intent:
    """Delete an account's file. Raises ChangeRefused."""
    return _perform(upstream, user, name, DeleteAccount(name=name))


def _perform(upstream: Upstream, user: User, name: str, change: Change) -> Intent:
    _require_right(upstream, user, name)
    return perform(upstream, change, user)


def _require_right(upstream: Upstream, user: User, name: str) -> None:
    if not name or not may_change(upstream, user, name):
        raise ChangeRefused(
            gettext("There is no such account, or it is not yours."), "", "RESOURCE_NOT_FOUND"
        )


def reset_cooldown(upstream: Upstream, user: User, name: str) -> list[str]:
    """Let the upstream try an account again at once; the models that were cooling. Raises
    ChangeRefused and UpstreamError."""
    _require_right(upstream, user, name)
    client = client_for(upstream)
    listed = auth_file_client.list_auth_files(client, name)
    if not listed:
        raise ChangeRefused(gettext("There is no such account."), "", "RESOURCE_NOT_FOUND")
    models = auth_file_client.reset_quota(client, auth_file_of(listed[0]).auth_index)
    trail.record(
        user,
        "account.cooldown_reset",
        name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
        detail={"models": models},
    )
    return models


def download(upstream: Upstream, user: User, name: str) -> bytes:
    """The file with its tokens, for staff, and never unnoticed. Raises ChangeRefused and
    UpstreamError."""
    if not user.is_staff:
        raise ChangeRefused(
            gettext("Only staff may download an account's file: it holds its tokens."),
            "",
            "AUTH_INSUFFICIENT_PERMISSIONS",
        )
    entry = trail.begin(user, "account.downloaded", name, upstream=upstream.name)
    outcome = trail.Outcome.FAILED
    try:
        content = auth_file_client.download_auth_file(client_for(upstream), name)
        outcome = trail.Outcome.SUCCEEDED
        return content
    finally:
        trail.finish(entry, outcome)


def grant(upstream: Upstream, staff: User, name: str, owner: User | None) -> None:
    """Make a user, or no one, the owner of a file that exists. Raises ChangeRefused and
    UpstreamError."""
    if not staff.is_staff:
        raise ChangeRefused(
            gettext("Only staff may grant an account."), "", "AUTH_INSUFFICIENT_PERMISSIONS"
        )
    listed = auth_file_client.list_auth_files(client_for(upstream), name)
    if not name or not listed:
        raise ChangeRefused(
            gettext("There is no such account upstream."), "name", "RESOURCE_NOT_FOUND"
        )
    grant_file(upstream, staff, auth_file_of(listed[0]), owner)


def grant_file(upstream: Upstream, staff: User, file: AuthFile, owner: User | None) -> None:
    """The same for a file that was read a moment ago."""
    values = {
        "provider": file.provider,
        "label": file.label,
        "owner": owner,
        "origin": Account.Origin.GRANT,
        "since": timezone.now(),
    }
    with transaction.atomic():
        Account.objects.update_or_create(upstream=upstream, name=file.name, defaults=values)
        if owner:
            unclear = AccountLogin.objects.filter(
                upstream=upstream,
                user=owner,
                status=AccountLogin.Status.UNCLEAR,
                account_name=file.name,
            )
            unclear.update(
                status=AccountLogin.Status.CONNECTED, detail=f"{file.label}, granted by staff"[:300]
            )
        detail = {"owner_name": owner.get_username() if owner else "nobody"}
        trail.record(
            staff,
            "account.granted",
            file.name,
            upstream=upstream.name,
            outcome=trail.Outcome.SUCCEEDED,
            detail=detail,
        )
