"""Retention: events older than the operator wants are dropped, a month at a time; their rollups
stay for ever.

Invariants
* Only whole UTC months before the `EVENT_RETENTION_MONTHS` before the present one are dropped, by
  the database's clock.
* A month's rollups are compared with its events first, as they can never be rebuilt afterwards.
* That a month was dropped is recorded in the transaction that drops it: queries that need its
  events know (`usage.rollups.partitions.events_since`).
* The lease `retention` keeps prunings apart. The lock that a drop needs is waited for briefly,
  since who waits for it holds up everybody else; if it is not had, the next pruning tries again.

A late event of a dropped month is stored and rolled up like any other; the next pruning drops it
again.
"""

from dataclasses import dataclass
from datetime import date

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now

from usage.models import PrunedMonth
from usage.rollups.partitions import (
    existing_partitions,
    months_before,
    next_month,
    start_of,
    this_month,
)
from usage.upkeep.rebuild import differences

LEASE = "retention"
LOCK_WAIT = "2s"


class RollupsDiffer(Exception):
    """The rollups of a month are not what its events say; it is kept until they have been
    rebuilt."""


class TableBusy(Exception):
    """The event table was in use for too long; nothing was dropped by this attempt."""


@dataclass(frozen=True)
class OldMonth:
    """A month that has had its time: its partition, how many events it holds, and its size on
    disk."""

    month: date
    partition: str
    events: int
    size_bytes: int


def old_months() -> list[OldMonth]:
    """The months that a pruning would drop now, oldest first; none if all events are kept."""
    if settings.EVENT_RETENTION_MONTHS == 0:
        return []
    first_kept = months_before(this_month(), settings.EVENT_RETENTION_MONTHS)
    old = sorted(
        (month, name) for name, month in existing_partitions().items() if month < first_kept
    )
    return [OldMonth(month, name, *_size(name)) for month, name in old]


def _size(partition: str) -> tuple[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {partition}), pg_total_relation_size(%s::regclass)",
            [partition],
        )
        events, size = cursor.fetchone()
        return events, size


def prune() -> list[OldMonth]:
    """Drop the old months; which they were. Raises RollupsDiffer or TableBusy; months dropped
    before stay dropped."""
    dropped = old_months()
    for old in dropped:
        if found := differences(start_of(old.month), start_of(next_month(old.month))):
            raise RollupsDiffer(
                f"{old.month:%Y-%m}: {len(found)} rows of rollups are not what the events say,"
                f" first in {found[0].table}; rebuild them: manage.py rebuild_rollups --from"
                f" {old.month} --to {next_month(old.month)}"
            )
        _drop(old)
    return dropped


def _drop(old: OldMonth) -> None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")
            before = (
                PrunedMonth.objects.filter(month=old.month).values_list("events", flat=True).first()
                or 0
            )
            PrunedMonth.objects.update_or_create(
                month=old.month, defaults={"events": before + old.events, "pruned_at": Now()}
            )
            cursor.execute(f"DROP TABLE {old.partition}")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "55P03":
            raise
        raise TableBusy(
            f"the event table was in use; {old.month:%Y-%m} is dropped another time"
        ) from error
