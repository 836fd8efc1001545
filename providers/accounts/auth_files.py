"""Auth files as values: what the upstream's list holds of an account, and checks of a file before
it is uploaded. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from management_proxy.uploaded_text import UnreadableText, decoded_text, without_mark
from monitoring.masking import masked_text
from providers.accounts.other_fields import other_fields
from providers.errors import ChangeRefused

LARGEST_UPLOAD = 1024 * 1024
LONGEST_NAME = 200
PROVIDERS = {
    "claude": "Claude",
    "codex": "Codex",
    "antigravity": "Antigravity",
    "kimi": "Kimi",
    "xai": "Grok",
    "vertex": "Vertex AI",
    "aistudio": "AI Studio",
    "gemini": "Gemini",
}
# What an uploaded file must hold to be of any use; any of a group suffices.
_NEEDED = {
    "vertex": (("service_account",), ("project_id",)),
    "aistudio": (),
    "kimi": (("access_token", "refresh_token"),),
}
_TOKENS = (("refresh_token", "access_token", "api_key", "token", "cookie"),)
_REFUSED_LOGIN = re.compile(
    r"unauthori[sz]ed|authentication|invalid_grant|invalid.{0,8}(?:token|credential|api.?key)"
    r"|(?:token|session|login|credential).{0,20}(?:expired|revoked)|permission_denied",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"[^/\\\x00-\x1f\x7f]+\.json\Z", re.IGNORECASE)


class Health(models.TextChoices):
    """How an account fares, from fine to switched off."""

    ACTIVE = "active", _("active")
    COOLING = "cooling", _("cooling down")
    FAILING = "failing", _("failing")
    WAITING = "waiting", _("waiting")
    DISABLED = "disabled", _("disabled")
    UNKNOWN = "unknown", _("unknown")


@dataclass(frozen=True)
class Slot:
    """Ten minutes of an account's requests; `label` is the upstream's local time, such as
    `14:10-14:20`."""

    label: str
    success: int
    failed: int


@dataclass(frozen=True)
class AuthFile:
    """One entry of the upstream's list (contract 5.1). Counters begin with the upstream's
    process."""

    name: str
    auth_index: str
    provider: str
    label: str
    email: str
    account: str
    plan: str
    plan_until: datetime | None
    status: str
    status_message: str
    is_disabled: bool
    is_unavailable: bool
    is_runtime_only: bool
    success: int
    failed: int
    recent: tuple[Slot, ...]
    next_retry_at: datetime | None
    last_refresh_at: datetime | None
    modified_at: str
    note: str
    priority: int | None
    weight: int | None
    size: int
    # What a newer upstream shows beyond these, such as observed quotas; secrets masked.
    other: dict[str, Any]

    def health(self, now: datetime) -> Health:
        """The one word for it; a retry in the past has ended (contract 5.1)."""
        if self.is_disabled or self.status == "disabled":
            return Health.DISABLED
        is_cooling = self.next_retry_at is not None and self.next_retry_at > now
        if is_cooling or (self.is_unavailable and self.next_retry_at is None):
            return Health.COOLING
        known = {
            "active": Health.ACTIVE,
            "error": Health.FAILING,
            "pending": Health.WAITING,
            "refreshing": Health.WAITING,
        }
        return known.get(self.status, Health.UNKNOWN)

    @property
    def is_refused(self) -> bool:
        """Whether the provider refuses its login: another attempt later is of no use."""
        return self.status == "error" and bool(_REFUSED_LOGIN.search(self.status_message))

    @property
    def provider_label(self) -> str:
        """The provider as people call it."""
        return PROVIDERS.get(self.provider, self.provider)

    @property
    def reason(self) -> str:
        """What the upstream reports of its trouble in one line: the message inside an error body,
        secrets masked."""
        return masked_text(_message_in(self.status_message), 240)


def auth_file_of(entry: dict[str, Any]) -> AuthFile:
    """An entry read tolerantly: whatever is missing or of another type is left empty."""
    claims = entry.get("id_token")
    plan: dict[str, Any] = claims if isinstance(claims, dict) else {}
    return AuthFile(
        name=_text(entry, "name") or _text(entry, "id"),
        auth_index=_text(entry, "auth_index"),
        provider=_text(entry, "provider") or _text(entry, "type") or "unknown",
        label=_text(entry, "email") or _text(entry, "label") or _text(entry, "name"),
        email=_text(entry, "email"),
        account=_text(plan, "chatgpt_account_id") or _text(entry, "project_id"),
        plan=_text(plan, "plan_type"),
        plan_until=_instant(plan.get("chatgpt_subscription_active_until")),
        status=_text(entry, "status"),
        status_message=_text(entry, "status_message", 20_000),
        is_disabled=entry.get("disabled") is True,
        is_unavailable=entry.get("unavailable") is True,
        is_runtime_only=entry.get("runtime_only") is True,
        success=_number(entry, "success") or 0,
        failed=_number(entry, "failed") or 0,
        recent=_slots(entry.get("recent_requests")),
        next_retry_at=_instant(entry.get("next_retry_after")),
        last_refresh_at=_instant(entry.get("last_refresh")),
        modified_at=_text(entry, "modtime") or _text(entry, "updated_at"),
        note=_text(entry, "note"),
        priority=_number(entry, "priority"),
        weight=_number(entry, "weight"),
        size=_number(entry, "size") or 0,
        other=other_fields(entry),
    )


def _text(entry: dict[str, Any], key: str, longest: int = 300) -> str:
    value = entry.get(key)
    return value[:longest] if isinstance(value, str) else ""


def _number(entry: dict[str, Any], key: str) -> int | None:
    value = entry.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _instant(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _slots(value: Any) -> tuple[Slot, ...]:
    entries = value if isinstance(value, list) else []
    return tuple(
        Slot(_text(e, "time"), _number(e, "success") or 0, _number(e, "failed") or 0)
        for e in entries[:48]
        if isinstance(e, dict)
    )


def _message_in(text: str) -> str:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return " ".join(text.split())
    for _level in range(3):
        if isinstance(body, list) and body:
            body = body[0]
        if isinstance(body, dict):
            body = body.get("error", body.get("message", body.get("detail", body)))
    return " ".join((body if isinstance(body, str) else text).split())


# Uploads -----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Upload:
    """A file that passed the checks: its name, its bytes, and whose account it is as far as it
    says."""

    name: str
    content: bytes
    provider: str
    email: str
    account: str


def checked_upload(name: str, content: bytes) -> Upload:
    """The file if it may be uploaded. Raises ChangeRefused naming the field and what is wrong with
    it."""
    if len(content) > LARGEST_UPLOAD:
        raise ChangeRefused(
            gettext("The file is larger than %(size)s KiB; an account's file has a few.")
            % {"size": LARGEST_UPLOAD // 1024},
            "file",
        )
    if not _FILE_NAME.match(name) or name.startswith(".") or len(name) > LONGEST_NAME:
        raise ChangeRefused(
            gettext(
                "The name must end in .json, contain no path and have at most %(most)s characters."
            )
            % {"most": LONGEST_NAME},
            "file",
        )
    account = _json_object(content)
    provider = account.get("type")
    if not isinstance(provider, str) or provider.lower() not in PROVIDERS:
        known = ", ".join(PROVIDERS)
        raise ChangeRefused(
            gettext('The file\'s "type" must be one of %(known)s.') % {"known": known}, "file"
        )
    for names in _NEEDED.get(provider.lower(), _TOKENS):
        if not any(account.get(key) for key in names):
            raise ChangeRefused(
                gettext("The file holds none of %(names)s: no login is possible with it.")
                % {"names": ", ".join(names)},
                "file",
            )
    content = without_mark(content)
    return Upload(name, content, provider.lower(), _email_of(account), _account_of(account))


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        account = json.loads(decoded_text(content), parse_constant=_refused_constant)
    except UnreadableText as error:
        raise ChangeRefused(
            gettext("The file cannot be read: %(error)s.") % {"error": error}, "file"
        ) from error
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", 0)
        raise ChangeRefused(
            gettext("The file is not JSON (line %(line)s).") % {"line": line}
            if line
            else gettext("The file is not JSON."),
            "file",
        ) from error
    if not isinstance(account, dict):
        raise ChangeRefused(gettext("The file's JSON must be an object."), "file")
    return account


def _refused_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # Python takes NaN and Infinity, the upstream does not


def _email_of(account: dict[str, Any]) -> str:
    return _text(account, "email") or _text(_claims(account), "email")


def _account_of(account: dict[str, Any]) -> str:
    # A person may have several accounts or projects under one address.
    nested = _claims(account).get("https://api.openai.com/auth")
    claims: dict[str, Any] = nested if isinstance(nested, dict) else {}
    return (
        _text(account, "account_id")
        or _text(claims, "chatgpt_account_id")
        or _text(account, "project_id")
    )


def _claims(account: dict[str, Any]) -> dict[str, Any]:
    token = account.get("id_token")
    if not isinstance(token, str) or token.count(".") != 2:
        return {}
    payload = token.split(".")[1]
    try:
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def twin_of(upload: Upload, present: Iterable[AuthFile]) -> AuthFile | None:
    """Another file of the same account, if there is one: two copies of it would invalidate each
    other's tokens."""
    for file in present:
        is_same_person = (
            file.provider == upload.provider
            and bool(upload.email)
            and file.email.lower() == upload.email.lower()
        )
        if (
            is_same_person
            and file.name != upload.name
            and (not file.account or not upload.account or file.account == upload.account)
        ):
            return file
    return None
