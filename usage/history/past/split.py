"""Which part of a query's intervals lies in days that are over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from usage.history.windows import Interval, midnight

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Past:
    """Intervals that follow one another, cut where the present day begins: the parts before and
    after under their numbers, maybe empty; how many end before; and the days that those touch."""

    over: list[Interval]
    later: list[Interval]
    count_over: int
    first: date
    after: date


def split(intervals: Sequence[Interval], calendar: ZoneInfo) -> Past | None:
    """The past of intervals; None if there is none."""
    today = present_day(calendar)
    cut = midnight(today, calendar)
    if not intervals or intervals[0].start >= cut:
        return None
    over = [Interval(min(one.start, cut), min(one.end, cut)) for one in intervals]
    later = [Interval(max(one.start, cut), max(one.end, cut)) for one in intervals]
    last = over[-1].end - timedelta(microseconds=1)
    return Past(
        over,
        later,
        sum(one.end <= cut for one in intervals),
        over[0].start.astimezone(calendar).date(),
        last.astimezone(calendar).date() + _DAY,
    )


def present_day(calendar: ZoneInfo) -> date:
    """The day that it is. By any clock: a version tells of every change, also of an earlier day."""
    return datetime.now(UTC).astimezone(calendar).date()
