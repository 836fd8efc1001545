"""Reading the stored bodies of failures again after a rule changed, and the rollups with them.

A part is a day of the rollups' calendar, newest first, in one transaction: its events get other
series, and every rollup of the day is rebuilt. Killed at any point, it is all or nothing of that
day, and running it again finds only what is left.

Invariants
* The rebuild locks each rollup against the ingest until the day is done; the ingest waits and adds
  its events afterwards. It is the order in which the ingest writes, so neither can block the other
  for ever. Readers never wait.
* One part at a time with recomputations of costs, which hold the same lock.
* Series are made before, in transactions of their own, as the ingest does; an event whose series
  was changed meanwhile is left alone.
* Days whose events were pruned keep their classes: there is nothing left to read.
* A body is stored with its secrets masked and cut; rules look at its beginning only.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from usage.failures.rules import READ_CHARACTERS, classify
from usage.ingest.attribution import Attribution
from usage.models import UsageEvent, UsageSeries
from usage.rollups.tables import calendar_zone
from usage.upkeep.rebuild import rebuild, rebuildable_since
from usage.upkeep.repricing import lock_stored_events

_FAILED = """
/* usage.upkeep.reclassify */
SELECT e.id, e.series_id, s.failure_class, coalesce(e.fail_status, 0),
    left(coalesce(e.fail_body, ''), %(read)s), coalesce(e.ttft_ms, 0)
FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
WHERE s.failed AND e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
"""
_UPDATE = """
UPDATE usage_event SET series_id = %s
WHERE id = ANY(%s) AND series_id = %s AND "timestamp" >= %s AND "timestamp" < %s
"""


def reclassify() -> Iterator[tuple[datetime, int]]:
    """Read the failures of every day that has its events again; each day's start, and how many of
    its events changed their class."""
    for start, end in _days():
        yield start, _reclassify(start, end)


def _days() -> Iterator[tuple[datetime, datetime]]:
    """The days of the rollups' calendar that have events, from the newest."""
    zone = ZoneInfo(calendar_zone())
    instants = UsageEvent.objects.order_by("timestamp").values_list("timestamp", flat=True)
    oldest, newest = instants.first(), instants.last()
    if oldest is None or newest is None:
        return
    since = max(oldest, rebuildable_since() or oldest)
    day = newest.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    while (end := day + timedelta(days=1)) > since:
        yield day, end
        day -= timedelta(days=1)


def _reclassify(start: datetime, end: datetime) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_FAILED, {"read": READ_CHARACTERS, "start": start, "end": end})
        changed = _changed(cursor.fetchall())
    if not changed:
        return 0
    targets = {(held, name): _series_of_class(held, name) for held, name in changed}
    with transaction.atomic(), connection.cursor() as cursor:
        lock_stored_events(cursor)
        for key, ids in changed.items():
            cursor.execute(_UPDATE, [targets[key], ids, key[0], start, end])
        rebuild(start, end)
    return sum(map(len, changed.values()))


def _series_of_class(held: int, failure_class: str) -> int:
    series = UsageSeries.objects.select_related("upstream").get(pk=held)
    return Attribution(series.upstream).series_of_class(series, failure_class)


def _changed(rows: list[tuple[Any, ...]]) -> dict[tuple[int, str], list[int]]:
    """The ids of the events whose class is another now, by their series and that class."""
    found: dict[tuple[int, str], list[int]] = {}
    for event_id, series, held, status, body, ttft_ms in rows:
        failure_class = classify(True, status, body, ttft_ms).value
        if failure_class != held:
            found.setdefault((series, failure_class), []).append(event_id)
    return found
