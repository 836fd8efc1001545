"""On which days there are events of a question, as a daily rollup knows: where they are rare, most days need no look.

A rollup's rows are written in the transaction that stores the events, so a day without a row has no event. A day with one may
have fewer than it says: some lie beyond a cursor, or in a month that was pruned since.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from usage.event_question import EventQuestion
from usage.planner import SOURCES, Piece, Unit
from usage.reading import Row, rows
from usage.rollups import DAILY, readers_calendar_zone
from usage.source_sql import Part
from usage.windows import Interval, midnight

# Days no further apart than this are read in one stretch.
_GAP = timedelta(days=4)
_DAY = timedelta(days=1)
_FEW_DAYS = 3
_DAILY = next(source for source in SOURCES if source.granularity is DAILY)


@dataclass(frozen=True)
class Day(Interval):
    """As much of a day as lies within what was asked for, how many events it has at least, and of which series."""

    events: int
    series: list[int]


def days_of_next(count: int, question: EventQuestion, within: Interval, *, is_newer: bool) -> list[Day]:
    """The days on which the next events of the question are: as many as have so many events, or all there are."""
    few = _days(question, within, _FEW_DAYS, is_newer=is_newer)
    if len(few) < _FEW_DAYS or sum(day.events for day in few) >= count:
        return _enough(few, count)
    # Each has an event, and only at the edges it may be none of those that are asked for.
    return _enough(_days(question, within, count + 2, is_newer=is_newer), count)


def _days(question: EventQuestion, within: Interval, most: int, *, is_newer: bool) -> list[Day]:
    calendar = ZoneInfo(readers_calendar_zone())
    whole = Piece(Unit.DAY.floor(within.start, calendar), Unit.DAY.ceiling(within.end, calendar), 0)
    part = Part(_DAILY, [whole], calendar, question.scope, question.filters, ())
    sql = f"{part.days_sql()} ORDER BY day {'ASC' if is_newer else 'DESC'} LIMIT %(most)s"
    found = rows("event_days", sql, {"owner": question.scope.owner_id, "most": most, **question.filters.parameters, **part.parameters})
    return [_day(row, within, calendar) for row in found]


def _day(row: Row, within: Interval, calendar: ZoneInfo) -> Day:
    start, end = midnight(row["day"], calendar), midnight(row["day"] + _DAY, calendar)
    is_whole = within.start <= start and end <= within.end
    return Day(max(start, within.start), min(end, within.end), row["attempts"] if is_whole else 0, row["series"])


def _enough(days: Sequence[Day], count: int) -> list[Day]:
    needed = sum(seen < count for seen in accumulate(day.events for day in days)) + 1
    return list(days[:needed])


def stretches(days: Sequence[Day]) -> Iterator[tuple[datetime, datetime]]:
    """The time of these days, neighbours joined; at least two stretches."""
    first, *others = sorted(days, key=lambda day: day.start)
    joined = [[first.start, first.end]]
    for day in others:
        if day.start - joined[-1][1] <= _GAP:
            joined[-1][1] = day.end
        else:
            joined.append([day.start, day.end])
    start, end = joined.pop(0)
    middle = start + (end - start) / 2
    yield from ((start, middle), (middle, end))
    yield from ((start, end) for start, end in joined)
