"""Recomputing rollups from the events, and comparing the two, part by part while collection goes
on.

A part is a day of one rollup. A rebuild locks that rollup against the ingest meanwhile: the
ingest adds to rollups under a weaker mode, so it waits or was waited for, and neither sees half of
the other. Readers never wait. A comparison is one statement, and so sees one instant.

Parts whose events were pruned can be neither rebuilt nor compared; a lock on the event table keeps
a pruning from happening in between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from usage.rollups.partitions import events_since
from usage.rollups.tables import (
    DAILY_OVERALL,
    GRANULARITIES,
    MEASURES,
    Granularity,
    add_sql,
    calendar_zone,
    prepared_sql,
    rows_sql,
)

# Hours that belong to a part begin or end at most so far outside of it.
_OVERHANG = timedelta(days=1)


class EventsPruned(Exception):
    """The range begins before the events do; the message says from when on rollups can be
    rebuilt."""


@dataclass(frozen=True)
class Difference:
    """A rollup's row that is not what the events say, or is missing, or should not be, by its table
    and primary key."""

    table: str
    key: tuple[Any, ...]


@dataclass(frozen=True)
class _Part:
    """A day of one rollup."""

    granularity: Granularity
    start: datetime
    end: datetime
    zone: str

    @property
    def parameters(self) -> dict[str, Any]:
        return {
            "zone": self.zone,
            "first": self.start,
            "last": self.end - timedelta(microseconds=1),
            "earliest": self.start - _OVERHANG,
            "latest": self.end + _OVERHANG,
        }

    @property
    def buckets_sql(self) -> str:
        """A condition's right side: between the first and the last bucket."""
        return " AND ".join(
            self.granularity.bucket_of.format(f"%({end})s::timestamptz")
            for end in ("first", "last")
        )

    @property
    def events_sql(self) -> str:
        # The outer limits let whole partitions be left out.
        bucket = self.granularity.bucket_of.format('"timestamp"')
        limits = '"timestamp" >= %(earliest)s AND "timestamp" < %(latest)s'
        return f"SELECT * FROM usage_event WHERE {limits} AND {bucket} BETWEEN {self.buckets_sql}"


def rebuildable_since() -> datetime | None:
    """From when on every bucket of every rollup has all its events: the first whole day since the
    last pruned month, if any."""
    since = events_since()
    if since is None:
        return None
    zone = ZoneInfo(calendar_zone())
    # The day on which events begin may have lost its first hours.
    day = since.astimezone(zone).date() + timedelta(days=1)
    return _midnight(day, zone)


def rebuild(first: datetime, last: datetime) -> None:
    """Recompute every rollup over the buckets that `[first, last)` touches.

    Raises EventsPruned, before anything is changed, if there are no longer all events of the first
    of these buckets.
    """
    # Who caches sums of days knows from the rows of this one whether any of a day were written.
    ordered = sorted(GRANULARITIES, key=lambda granularity: granularity is DAILY_OVERALL)
    parts = [part for granularity in ordered for part in _parts(granularity, first, last)]
    for part in parts:
        _refuse_pruned(part)
    for part in parts:
        _rebuild(part)


def differences(first: datetime, last: datetime) -> list[Difference]:
    """Where rollups and events disagree in the buckets that `[first, last)` touches, as far as
    these have all their events."""
    since = rebuildable_since()
    parts = (part for granularity in GRANULARITIES for part in _parts(granularity, first, last))
    return [
        difference
        for part in parts
        if since is None or part.start >= since
        for difference in _differences(part)
    ]


def _parts(granularity: Granularity, first: datetime, last: datetime) -> Iterator[_Part]:
    zone = ZoneInfo(calendar_zone())
    day = first.astimezone(zone).date()
    while (start := _midnight(day, zone)) < last:
        day += timedelta(days=1)
        yield _Part(granularity, start, _midnight(day, zone), zone.key)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _refuse_pruned(part: _Part) -> None:
    since = rebuildable_since()
    if since is not None and part.start < since:
        raise EventsPruned(
            "events were pruned: rollups can be rebuilt from"
            f" {since.astimezone(ZoneInfo(part.zone)):%Y-%m-%d} on; before, they are all that is"
            " left"
        )


def _rebuild(part: _Part) -> None:
    table = part.granularity.table
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE usage_event IN ACCESS SHARE MODE")
        _refuse_pruned(part)
        cursor.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        cursor.execute(
            f"DELETE FROM {table} WHERE bucket BETWEEN {part.buckets_sql}", part.parameters
        )
        cursor.execute(
            f"/* usage.upkeep.rebuild */ WITH rebuilt AS ({part.events_sql})"
            f" {add_sql(part.granularity, 'rebuilt')}",
            part.parameters,
        )


def _differences(part: _Part) -> list[Difference]:
    granularity, key = part.granularity, ", ".join(part.granularity.key)
    expected, held = (
        ", ".join(f"{side}.{name}" for name in MEASURES) for side in ("expected", "held")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            /* usage.upkeep.rebuild.differences */
            WITH events AS ({part.events_sql}),
            expected AS ({rows_sql(granularity, f"({prepared_sql('events')})")}),
            held AS (SELECT * FROM {granularity.table} WHERE bucket BETWEEN {part.buckets_sql})
            SELECT {key} FROM expected FULL JOIN held USING ({key})
            WHERE ({expected}) IS DISTINCT FROM ({held}) ORDER BY {key}
            """,
            part.parameters,
        )
        return [Difference(granularity.table, tuple(row)) for row in cursor.fetchall()]
