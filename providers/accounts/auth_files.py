"""Auth files as values: what the upstream's list holds of an account. Pure."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from monitoring.masking import masked_text
from providers.accounts.other_fields import other_fields
from providers.accounts.recent import Recent, Slot

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
_REFUSED_LOGIN = re.compile(
    r"unauthori[sz]ed|authentication|invalid_grant|invalid.{0,8}(?:token|credential|api.?key)"
    r"|(?:token|session|login|credential).{0,20}(?:expired|revoked)|permission_denied",
    re.IGNORECASE,
)


class Health(models.TextChoices):
    """How an account fares, from fine to switched off."""

    ACTIVE = "active", _("active")
    COOLING = "cooling", _("cooling down")
    FAILING = "failing", _("failing")
    WAITING = "waiting", _("waiting")
    DISABLED = "disabled", _("disabled")
    UNKNOWN = "unknown", _("unknown")


_HEALTH_OF_STATUS = {
    "active": Health.ACTIVE,
    "error": Health.FAILING,
    "pending": Health.WAITING,
    "refreshing": Health.WAITING,
}


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
    # As it is listed; of a thousand accounts the slots of a page's are read.
    recent_requests: Any
    next_retry_at: datetime | None
    last_refresh_at: datetime | None
    modified_at: str
    note: str
    priority: int | None
    weight: int | None
    size: int
    # What a newer upstream shows beyond these, such as observed quotas; secrets masked.
    other: dict[str, Any]
    # It is made of what was kept of it, without figures.
    is_partial: bool = False

    def health(self, now: datetime) -> Health:
        """The one word for it; a retry in the past has ended (contract 5.1)."""
        if self.is_disabled or self.status == "disabled":
            return Health.DISABLED
        is_cooling = self.next_retry_at is not None and self.next_retry_at > now
        if is_cooling or (self.is_unavailable and self.next_retry_at is None):
            return Health.COOLING
        return _HEALTH_OF_STATUS.get(self.status, Health.UNKNOWN)

    @cached_property
    def recent(self) -> Recent:
        """Its requests of the last 200 minutes."""
        return Recent(_slots(self.recent_requests))

    @property
    def place(self) -> tuple[str, str, str]:
        """Its place in a list: by provider and label."""
        return self.provider, self.label.lower(), self.name

    @property
    def is_refused(self) -> bool:
        """Whether the provider refuses its login: another attempt later is of no use."""
        return self.status == "error" and bool(_REFUSED_LOGIN.search(self.status_message))

    @property
    def provider_label(self) -> str:
        """The provider as people call it."""
        return PROVIDERS.get(self.provider, self.provider)

    @cached_property
    def reason(self) -> str:
        """What the upstream reports of its trouble in one line: the message inside an error body,
        secrets masked."""
        return masked_text(_message_in(self.status_message), 240)


def auth_file_of(entry: dict[str, Any]) -> AuthFile:
    """An entry read tolerantly: whatever is missing or of another type is left empty."""
    claims = entry.get("id_token")
    plan: dict[str, Any] = claims if isinstance(claims, dict) else {}
    return AuthFile(
        name=text_in(entry, "name") or text_in(entry, "id"),
        auth_index=text_in(entry, "auth_index"),
        provider=text_in(entry, "provider") or text_in(entry, "type") or "unknown",
        label=text_in(entry, "email") or text_in(entry, "label") or text_in(entry, "name"),
        email=text_in(entry, "email"),
        account=text_in(plan, "chatgpt_account_id") or text_in(entry, "project_id"),
        plan=text_in(plan, "plan_type"),
        plan_until=_instant(plan.get("chatgpt_subscription_active_until")),
        status=text_in(entry, "status"),
        status_message=text_in(entry, "status_message", 20_000),
        is_disabled=entry.get("disabled") is True,
        is_unavailable=entry.get("unavailable") is True,
        is_runtime_only=entry.get("runtime_only") is True,
        success=_number(entry, "success") or 0,
        failed=_number(entry, "failed") or 0,
        recent_requests=entry.get("recent_requests"),
        next_retry_at=_instant(entry.get("next_retry_after")),
        last_refresh_at=_instant(entry.get("last_refresh")),
        modified_at=text_in(entry, "modtime") or text_in(entry, "updated_at"),
        note=text_in(entry, "note"),
        priority=_number(entry, "priority"),
        weight=_number(entry, "weight"),
        size=_number(entry, "size") or 0,
        other=other_fields(entry),
    )


def text_in(entry: dict[str, Any], key: str, longest: int = 300) -> str:
    """A field of a file or its entry, cut; empty if it is no text."""
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
        Slot(text_in(e, "time"), _number(e, "success") or 0, _number(e, "failed") or 0)
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
