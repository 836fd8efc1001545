"""Steps of an intent's life, each one fenced transaction; what each state means is in
`writes.py`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitoring.audit import trail
from monitoring.failpoints import around
from monitoring.leases import LeaseLost, Term, fence
from monitoring.models import AuditEntry
from monitoring.planned_statements import update_each
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.funnel.metrics import count_settled
from providers.models import Intent

State = Intent.State
_FAILED_FIELDS = (
    "state",
    "error",
    "error_field",
    "error_code",
    "settled_at",
    "change_encrypted",
)


def mark_applied(term: Term, intents: Iterable[Intent], befores: Iterable[Any]) -> None:
    """Record that they are about to be sent. Raises LeaseLost."""
    with around("applied"), transaction.atomic():
        _check(term)
        now, marked = timezone.now(), list(intents)
        for intent, before in zip(marked, befores, strict=True):
            intent.before = before if intent.before is None else intent.before
            intent.state, intent.token, intent.applied_at = State.APPLIED, term.token, now
            intent.attempts += 1
        update_each(marked, "before", "state", "token", "applied_at", "attempts")
    if not term.is_trusted:
        raise LeaseLost


def settle(
    term: Term,
    intent: Intent,
    change: Change | None,
    state: State,
    *,
    error: str = "",
    refusal: ChangeRefused | None = None,
) -> None:
    """Record that it failed or was compensated, together with the end of our half of the change and
    of its audit entry. Raises LeaseLost."""
    with around("outcome"), transaction.atomic():
        _check(term)
        intent.state, intent.error, intent.settled_at = state, error[:500], timezone.now()
        if refusal:
            intent.error = refusal.message[:500]
            intent.error_field, intent.error_code = refusal.field[:60], refusal.code[:40]
        intent.change_encrypted = b""
        intent.save(update_fields=_FAILED_FIELDS)
        if change:
            change.undone(intent)
        _finish_audit(intent)
    count_settled(intent)


def settle_verified(
    term: Term, held: Sequence[tuple[Intent, Change, Any, str]], now: datetime
) -> None:
    """Record that the upstream holds them, each with what is shown of it afterwards and a note,
    together with our half of the changes. Raises LeaseLost."""
    with around("outcome"), transaction.atomic():
        _check(term)
        for intent, _change, after, note in held:
            intent.state, intent.settled_at = State.VERIFIED, now
            intent.after, intent.error = after, note[:500]
        intents = [intent for intent, *_ in held]
        update_each(intents, "state", "settled_at", "after", "error")
        for kind, alike in groupby(held, lambda one: type(one[1])):
            kind.confirm_all([(intent, change) for intent, change, *_ in alike])
        details = {one.audit_entry: _detail(one) for one in intents if one.audit_entry}
        trail.finish_all(details, trail.Outcome.SUCCEEDED)
    for intent in intents:
        count_settled(intent)


def leave_unknown(term: Term, intent: Intent, error: str, *, must_save: bool = False) -> None:
    """Record that the upstream may or may not hold it. Raises LeaseLost."""
    with transaction.atomic():
        _check(term)
        intent.state, intent.error, intent.must_save = State.UNKNOWN, error[:500], must_save
        intent.save(update_fields=["state", "error", "must_save"])


def requeue(term: Term, intent: Intent) -> None:
    """Have one carried out again: what is sent stays sent, and is found when reading. Raises
    LeaseLost."""
    with transaction.atomic():
        _check(term)
        intent.state = State.REQUESTED
        intent.save(update_fields=["state"])


def _check(term: Term) -> None:
    if not fence(term):
        raise LeaseLost


def _finish_audit(intent: Intent) -> None:
    if intent.audit_entry and (entry := AuditEntry.objects.filter(pk=intent.audit_entry).first()):
        trail.finish(entry, trail.Outcome.FAILED, _detail(intent))


def _detail(intent: Intent) -> dict[str, object]:
    return {
        "intent": intent.pk,
        "before": intent.before,
        "after": intent.after,
        "error": intent.error,
    }
