"""Steps of an intent's life, each one fenced transaction; what each state means is in
`writes.py`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from monitoring.audit import trail
from monitoring.failpoints import around
from monitoring.leases import LeaseLost, Term, fence
from monitoring.models import AuditEntry
from providers.errors import ChangeRefused
from providers.funnel.changes import Change
from providers.funnel.metrics import count_settled
from providers.models import Intent

State = Intent.State
_AUDIT_OUTCOMES = {
    State.VERIFIED: trail.Outcome.SUCCEEDED,
    State.FAILED: trail.Outcome.FAILED,
    State.COMPENSATED: trail.Outcome.FAILED,
}
_SETTLED_FIELDS = (
    "state",
    "after",
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
        Intent.objects.bulk_update(marked, ["before", "state", "token", "applied_at", "attempts"])
    if not term.is_trusted:
        raise LeaseLost


def settle(
    term: Term,
    intent: Intent,
    change: Change | None,
    state: State,
    *,
    after: Any = None,
    error: str = "",
    refusal: ChangeRefused | None = None,
) -> None:
    """Record the outcome together with our half of the change and the end of its audit entry.
    Raises LeaseLost."""
    with around("outcome"), transaction.atomic():
        _check(term)
        intent.state, intent.after, intent.error = state, after, error[:500]
        if refusal:
            intent.error = refusal.message[:500]
            intent.error_field, intent.error_code = refusal.field[:60], refusal.code[:40]
        intent.settled_at = timezone.now()
        if state != State.VERIFIED:
            intent.change_encrypted = b""
        intent.save(update_fields=_SETTLED_FIELDS)
        if change and state == State.VERIFIED:
            change.confirmed(intent)
        elif change:
            change.undone(intent)
        _finish_audit(intent)
    count_settled(intent)


def settle_verified(
    term: Term, held: Sequence[tuple[Intent, Change, Any, str]], now: datetime
) -> None:
    """`settle` many as verified, each with what is shown of it afterwards and a note, in one
    transaction. Raises LeaseLost."""
    with around("outcome"), transaction.atomic():
        _check(term)
        for intent, _change, after, note in held:
            intent.state, intent.settled_at = State.VERIFIED, now
            intent.after, intent.error = after, note[:500]
        intents = [intent for intent, *_ in held]
        Intent.objects.bulk_update(intents, ["after", "error"])
        Intent.objects.filter(pk__in=[intent.pk for intent in intents]).update(
            state=State.VERIFIED, settled_at=now
        )
        for intent, change, *_ in held:
            change.confirmed(intent)
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
        trail.finish(entry, _AUDIT_OUTCOMES[State(intent.state)], _detail(intent))


def _detail(intent: Intent) -> dict[str, object]:
    return {
        "intent": intent.pk,
        "before": intent.before,
        "after": intent.after,
        "error": intent.error,
    }
