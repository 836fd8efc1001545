"""What the people of a demonstration did before it began, as entries of the audit trail.

An entry's instant is the database's where people act; here it is given, since the act lies in the
past.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from config.stack.demonstration.people import (
    INVITED,
    LEFT,
    PEOPLE,
    STAFF,
    invited_at,
    last_seen,
    left_at,
)
from monitoring.models import AuditEntry
from providers.models import Intent

Outcome = AuditEntry.Outcome
NOBODY = "nobody"
# How long before the last one the earlier times were at which a person signed in.
_SIGNED_IN_BEFORE = (timedelta(0), timedelta(days=1, minutes=6), timedelta(days=2, minutes=-9))


@dataclass(frozen=True)
class Act:
    """One act of a person; `intent` is the change of the upstream that it was."""

    at: datetime
    actor: str
    action: str
    target: str
    outcome: str = Outcome.SUCCEEDED
    upstream: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    intent: Intent | None = None


def store_acts(acts: Iterable[Act], users: dict[str, User], now: datetime) -> None:
    """Store these acts and those that concern users, in the order of time."""
    ordered = sorted([*acts, *_of_users(now)], key=lambda act: act.at)
    entries = AuditEntry.objects.bulk_create(_entry(act, users) for act in ordered)
    intents = []
    for act, entry in zip(ordered, entries, strict=True):
        if act.intent:
            act.intent.audit_entry = entry.pk
            intents.append(act.intent)
    Intent.objects.bulk_update(intents, ["audit_entry"])


def _entry(act: Act, users: dict[str, User]) -> AuditEntry:
    return AuditEntry(
        at=act.at,
        user=users.get(act.actor),
        actor=act.actor,
        via=AuditEntry.Via.NONE if act.actor == NOBODY else AuditEntry.Via.SESSION,
        action=act.action,
        target=act.target,
        upstream=act.upstream,
        source_ip=_address(act.target if act.actor == NOBODY else act.actor),
        outcome=act.outcome,
        detail=act.detail,
    )


def _address(name: str) -> str:
    """Where one of the people works."""
    return f"10.0.1.{20 + PEOPLE.index(name)}"


def _of_users(now: datetime) -> Iterator[Act]:
    for name in PEOPLE:
        for before in _SIGNED_IN_BEFORE:
            yield Act(last_seen(name, now) - before, name, "user.signed_in", name)
    mistyped = last_seen("heidi", now) - timedelta(seconds=19)
    yield Act(mistyped, NOBODY, "user.sign_in_failed", "heidi", Outcome.REFUSED)
    yield Act(left_at(now) + timedelta(minutes=4, seconds=8), STAFF, "user.disabled", LEFT)
    yield Act(invited_at(now), STAFF, "user.invited", INVITED, detail={"role": "user"})
