"""The audit trail: who did what, where from and with what outcome. Append-only.

One act is one `AuditEntry`. `record` writes an act that is over. `begin` writes one that is about
to be sent somewhere else, and `finish` gives it its outcome, once: an entry that stays `pending`
shows that the process died in between, so nothing that could have had an effect is missing from the
trail.

Invariants, kept by a trigger of the database (migration `audit_append_only`)
* An entry is never changed, but for a pending one's outcome and detail, and for its user becoming
  NULL when that user is deleted; the name stays.
* An entry is deleted only by `prune`, which announces it to the database within its transaction.

Secrets are masked here whatever the caller did (`monitoring/masking.py`). Whatever is not given is
taken from the present request: its id, the client's address, how it was
authenticated.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.health import Action, Finding, Level
from monitoring.masking import masked, masked_text
from monitoring.models import AuditEntry
from monitoring.planned_statements import update_each
from monitoring.request_context import RequestContext, current_request

# Longer than any call through the proxy, and any wait for the funnel.
LONGEST_ACT = timedelta(minutes=15)
Outcome = AuditEntry.Outcome
Via = AuditEntry.Via
Actor = AbstractBaseUser | AnonymousUser | None


def record(actor: Actor, action: str, target: str, *, outcome: str, **more: Any) -> AuditEntry:
    """Write one act down. `action` is a verb with its area (`client_key.revoked`), `outcome` a word
    of `Outcome`; more are `upstream`, `detail`, `source_ip`, `via` and `actor_name`.

    Without an actor the entry names `actor_name`, or how it was done.
    """
    entry = _entry(actor, action, target, outcome=outcome, **more)
    entry.save(force_insert=True)
    return entry


def _entry(
    actor: Actor,
    action: str,
    target: str,
    *,
    upstream: str = "",
    outcome: str,
    detail: Mapping[str, object] | None = None,
    source_ip: str = "",
    via: str = "",
    actor_name: str = "",
) -> AuditEntry:
    request = current_request()
    user = actor if isinstance(actor, AbstractBaseUser) and actor.pk else None
    return AuditEntry(
        user_id=user.pk if user else None,
        actor=masked_text(user.get_username() if user else actor_name or "nobody", 150),
        via=via or request.via or _via(user, request),
        action=action[:80],
        target=masked_text(target, 300),
        upstream=upstream[:60],
        source_ip=(source_ip or request.source_ip)[:45],
        outcome=outcome,
        detail=masked(detail or {}),
        request_id=request.request_id,
    )


def _via(user: AbstractBaseUser | None, request: RequestContext) -> str:
    """How an act was done of which nothing else is known."""
    if not request.request_id:
        return Via.COMMAND
    return Via.SESSION if user else Via.NONE


def begin(actor: Actor, action: str, target: str, **more: Any) -> AuditEntry:
    """Write down an act that is about to be sent elsewhere; `finish` it whatever happens."""
    return record(actor, action, target, outcome=Outcome.PENDING, **more)


def begin_all(actor: Actor, acts: Iterable[tuple[str, str]], **more: Any) -> list[AuditEntry]:
    """The same for many acts, each its action and target, by one statement."""
    entries = [
        _entry(actor, action, target, outcome=Outcome.PENDING, **more) for action, target in acts
    ]
    return AuditEntry.objects.bulk_create(entries)


def finish(entry: AuditEntry, outcome: str, detail: Mapping[str, object] | None = None) -> None:
    """Give a pending entry its outcome; `detail` is added to what it had. A finished one stays as
    it is."""
    pending = AuditEntry.objects.filter(pk=entry.pk, outcome=Outcome.PENDING)
    pending.update(outcome=outcome, detail={**entry.detail, **masked(detail or {})})


def finish_all(details: Mapping[int, Mapping[str, object]], outcome: str) -> None:
    """The same for many pending entries, by their ids; within the caller's transaction."""
    pending = AuditEntry.objects.select_for_update().filter(outcome=Outcome.PENDING)
    entries = list(pending.filter(pk__in=list(details)))
    for entry in entries:
        entry.outcome = outcome
        entry.detail = {**entry.detail, **masked(details[entry.pk])}
    update_each(entries, "outcome", "detail")


def check_pending() -> Iterator[Finding]:
    """Acts of the last day without an outcome, though none takes this long."""
    since, until = timezone.now() - timedelta(days=1), timezone.now() - LONGEST_ACT
    count = AuditEntry.objects.filter(outcome=Outcome.PENDING, at__gt=since, at__lt=until).count()
    if count:
        yield Finding(
            Level.NOTICE,
            gettext("%(count)s acts of the last day have no outcome in the audit trail.")
            % {"count": count},
            gettext("The process ended between sending a change and recording its outcome."),
            gettext(
                "Find the entries with the outcome “pending”, and check at their target whether"
                " each took effect."
            ),
            action=Action(gettext("Show them"), "monitoring:audit", is_link=True),
        )


def prune(older_than: timedelta) -> int:
    """Delete the entries of acts longer ago than that; how many."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL tollgate.audit_pruning = 'on'")
        count, _ = AuditEntry.objects.filter(at__lt=timezone.now() - older_than).delete()
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL tollgate.audit_pruning = 'off'")
    return count
