"""Recomputations: the only way in which the costs of stored events change.

    previewing --every day looked at--> previewed --approved--> applying --every day done--> done
         |                                  |                       |
         +--------------------------- cancelled --------------------+

* A recomputation walks the days of the installation's zone from the newest to the oldest. Each part
  is one transaction, with the mark down to which it is done: killed at any point, it continues
  there, and nothing is done twice or half.
* A preview does the same and stores nothing but what would change.
* The collector's periodic task does what waits; the command does its own at once, under the same
  lease. Prices are those of the moment at which a part is done.
* A recomputation after an upgrade fills in only what has no cost; it needs nobody's approval.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from usage.costs.price_book import PriceBook
from usage.models import Recomputation
from usage.upkeep.repricing import Change, Changes, Stretch, reprice

Status = Recomputation.Status
LEASE = "recompute costs"
UNFINISHED = (Status.PREVIEWING, Status.APPLYING)
# A transaction has about so many events at most.
_PART_EVENTS = 100_000
# The periodic task lets others have their turn after so long.
_TURN_SECONDS = 120.0
_COSTS_OF = Recorded(_("costs of %(days)s"))


class NothingToRecompute(Exception):
    """The range has no day, or begins after today; the message says which."""


def request(first: date, last: date, models: Sequence[str], actor: trail.Actor) -> Recomputation:
    """Begin with a preview of the days from `first` to `last` in the installation's zone, of all
    models or of some. Raises NothingToRecompute."""
    today = timezone.localdate()
    if last < first:
        raise NothingToRecompute("the last day is before the first")
    if first > today:
        raise NothingToRecompute("that day is yet to come")
    made = Recomputation.objects.create(
        status=Status.PREVIEWING,
        start=_midnight(first),
        end=_midnight(min(last, today) + timedelta(days=1)),
        model_names=list(models),
        requested_by=_name_of(actor),
    )
    _audit(made, actor, "costs.recomputation_requested")
    return made


def approve(recomputation: Recomputation, actor: trail.Actor) -> bool:
    """Let a previewed recomputation be applied; whether it was waiting for that."""
    return _move(recomputation, (Status.PREVIEWED,), Status.APPLYING, actor, "approved")


def cancel(recomputation: Recomputation, actor: trail.Actor) -> bool:
    """End a recomputation; days that are done stay done. Whether there was anything to end."""
    return _move(
        recomputation, (*UNFINISHED, Status.PREVIEWED), Status.CANCELLED, actor, "cancelled"
    )


def is_waiting() -> bool:
    """Whether the periodic task has anything to do."""
    return Recomputation.objects.filter(status__in=UNFINISHED).exists()


def take_turn() -> str:
    """Do for a while what waits, oldest first; what was done as a sentence."""
    until = time.monotonic() + _TURN_SECONDS
    lines = []
    while time.monotonic() < until and (
        waiting := Recomputation.objects.filter(status__in=UNFINISHED).order_by("pk").first()
    ):
        carry_on(waiting, until=until)
        lines.append(f"{waiting}: {waiting.get_status_display()}, {waiting.changed:,} events")
    return "; ".join(lines) or "Nothing to recompute."


def carry_on(
    recomputation: Recomputation,
    *,
    until: float | None = None,
    report: Callable[[Recomputation], None] = lambda done: None,
) -> None:
    """Walk on until the end, or until an instant of the monotonic clock."""
    book = PriceBook.newest()
    while recomputation.status in UNFINISHED:
        if until is not None and time.monotonic() >= until:
            return
        _do_part(recomputation, book)
        report(recomputation)


def _do_part(recomputation: Recomputation, book: PriceBook) -> None:
    with transaction.atomic():
        held = Recomputation.objects.select_for_update().get(pk=recomputation.pk)
        if held.status in UNFINISHED:
            end = held.reached or held.end
            start = _start_of_part(held, end)
            stretch = Stretch(start, end, held.model_names, held.only_missing)
            found = reprice(book, stretch, apply=held.status == Status.APPLYING)
            _note(held, start, found)
    recomputation.refresh_from_db()


def _start_of_part(recomputation: Recomputation, end: datetime) -> datetime:
    """A day before, or less of a day with many events."""
    day = timezone.localtime(end - timedelta(microseconds=1)).date()
    start = max(_midnight(day), recomputation.start)
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT count(*) FROM usage_event WHERE "timestamp" >= %s AND "timestamp" < %s',
            [start, end],
        )
        parts = -(-cursor.fetchone()[0] // _PART_EVENTS) or 1
    return max(start, end - max((end - start) / parts, timedelta(seconds=1)))


def _note(held: Recomputation, start: datetime, found: Changes) -> None:
    day = timezone.localtime(start).date().isoformat()
    _add(held.changes, "days", {day: found.total})
    _add(held.changes, "models", found.by_model)
    _add(held.changes, "keys", {str(key): change for key, change in found.by_key.items()})
    held.events += found.events
    held.changed += found.total.events
    held.reached = start
    if start <= held.start:
        _finish(held)
    held.save()


def _finish(held: Recomputation) -> None:
    if held.status == Status.PREVIEWING:
        held.status = Status.PREVIEWED
        return
    held.status, held.ended_at = Status.DONE, datetime.now(UTC)
    _audit(held, None, "costs.recomputed", {"events": held.events, "changed": held.changed})


def _add(changes: dict[str, Any], name: str, found: dict[str, Change]) -> None:
    noted = changes.setdefault(name, {})
    for value, change in found.items():
        if change.events:
            total = Change(**noted.get(value, {}))
            total.add(change)
            noted[value] = asdict(total)


def _move(
    recomputation: Recomputation,
    before: Sequence[Status],
    after: Status,
    actor: trail.Actor,
    done: str,
) -> bool:
    fields: dict[str, Any] = {"status": after}
    if after == Status.APPLYING:
        fields |= {"reached": None, "events": 0, "changed": 0, "changes": {}}
    else:
        fields |= {"ended_at": Now()}
    waiting = Recomputation.objects.filter(pk=recomputation.pk, status__in=before)
    if not waiting.update(**fields):
        return False
    recomputation.refresh_from_db()
    _audit(recomputation, actor, f"costs.recomputation_{done}")
    return True


def _audit(
    recomputation: Recomputation,
    actor: trail.Actor,
    action: str,
    detail: dict[str, object] | None = None,
) -> None:
    trail.record(
        actor,
        action,
        _COSTS_OF(days=recomputation),
        outcome=trail.Outcome.SUCCEEDED,
        detail={"id": recomputation.pk, "models": recomputation.model_names, **(detail or {})},
    )


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time_of_day()))


def _name_of(actor: trail.Actor) -> str:
    return actor.get_username() if actor and actor.pk else "a command"
