"""On which days there are events of a query, as a daily rollup knows: where they are rare, most
days need not be read.

A rollup's rows are written in the transaction that stores the events, so a day without a row has no
event. A day with one may have fewer than it says: some lie beyond a cursor, or in a month that was
pruned since.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from usage.events.query import EventQuery
from usage.history.planner import SOURCES, Piece, Unit
from usage.history.snapshot import Row, once, rows
from usage.history.source_sql import Part
from usage.history.windows import Interval, midnight
from usage.rollups.tables import DAILY, readers_calendar_zone

# Days no further apart than this are read in one stretch.
_GAP, _SHORT = timedelta(days=4), timedelta(days=3)
_DAY = timedelta(days=1)
_FEW_DAYS = 3
COLUMNS = (*DAILY.parties, "series_id")
_DAILY = next(source for source in SOURCES if source.granularity is DAILY)


@dataclass(frozen=True)
class Day(Interval):
    """As much of a day as lies within the queried time, how many events the whole day has, and by
    which values of `COLUMNS`.

    The value 0 stands for no client key or credential.
    """

    is_whole: bool
    events: int
    values: dict[str, list[int]]


def days_of_next(count: int, query: EventQuery, within: Interval, *, is_newer: bool) -> list[Day]:
    """The days on which the next events of the query are: as many as have so many events, or all
    there are."""
    few = _days(query, within, _FEW_DAYS, is_newer=is_newer)
    if len(few) < _FEW_DAYS or sum(day.events for day in few if day.is_whole) >= count:
        return _enough(few, count)
    # Each has an event, and only at the edges it may be none of the requested ones.
    return _enough(_days(query, within, count + 2, is_newer=is_newer), count)


def _days(query: EventQuery, within: Interval, most: int, *, is_newer: bool) -> list[Day]:
    calendar = ZoneInfo(once("calendar", readers_calendar_zone))
    whole = Piece(Unit.DAY.floor(within.start, calendar), Unit.DAY.ceiling(within.end, calendar), 0)
    part = Part(_DAILY, [whole], calendar, query.scope, query.filters, ())
    sql = f"{part.days_sql(COLUMNS)} ORDER BY day {'ASC' if is_newer else 'DESC'} LIMIT %(most)s"
    found = rows(
        "events.days",
        sql,
        {
            "owner": query.scope.owner_id,
            "most": most,
            **query.filters.parameters,
            **part.parameters,
        },
    )
    return [_day(row, within, calendar) for row in found]


def _day(row: Row, within: Interval, calendar: ZoneInfo) -> Day:
    start, end = midnight(row["day"], calendar), midnight(row["day"] + _DAY, calendar)
    is_whole = within.start <= start and end <= within.end
    return Day(
        max(start, within.start),
        min(end, within.end),
        is_whole,
        row["attempts"],
        {column: row[column] for column in COLUMNS},
    )


def _enough(days: Sequence[Day], count: int) -> list[Day]:
    needed = (
        sum(seen < count for seen in accumulate(day.events if day.is_whole else 0 for day in days))
        + 1
    )
    return list(days[:needed])


def stretches(days: Sequence[Day]) -> list[tuple[datetime, datetime]]:
    """The time of these days, neighbours joined; a long one is cut, so that there are
    alternatives."""
    first, *others = sorted(days, key=lambda day: day.start)
    joined = [(first.start, first.end)]
    for day in others:
        start, end = joined[-1]
        if day.start - end <= _GAP:
            joined[-1] = (start, day.end)
        else:
            joined.append((day.start, day.end))
    start, end = joined[0]
    if len(joined) == 1 and end - start > _SHORT:
        middle = start + (end - start) / 2
        return [(start, middle), (middle, end)]
    return joined
