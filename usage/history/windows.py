"""Time that history covers: whole days in a zone, or any half-open interval, cut into hours,
days, weeks or months."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum
from itertools import chain
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

_HOUR, _QUARTER = timedelta(hours=1), timedelta(minutes=15)


@dataclass(frozen=True)
class Interval:
    """The instants `[start, end)`, both in UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True)
class Period(Interval):
    """An interval, and the zone in which its hours, days, weeks and months are counted."""

    zone: ZoneInfo

    @classmethod
    def of_days(cls, first: date, last: date, zone: ZoneInfo) -> "Period":
        """The days `first` to `last`, both included."""
        return cls(midnight(first, zone), midnight(last + timedelta(days=1), zone), zone)

    @property
    def previous(self) -> "Period":
        """The period that ends where this one begins: with as many days if these are whole ones,
        else as long."""
        first, after = (edge.astimezone(self.zone).date() for edge in (self.start, self.end))
        if (midnight(first, self.zone), midnight(after, self.zone)) == (self.start, self.end):
            return Period.of_days(first - (after - first), first - timedelta(days=1), self.zone)
        return Period(self.start - (self.end - self.start), self.start, self.zone)


@dataclass(frozen=True)
class Window:
    """The days `first` to `last`, both included, in `zone`."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def period(self) -> Period:
        """From its first instant to the first instant after it."""
        return Period.of_days(self.first, self.last, self.zone)

    @property
    def start(self) -> datetime:
        """The first instant, in UTC."""
        return self.period.start

    @property
    def end(self) -> datetime:
        """The first instant after the window, in UTC."""
        return self.period.end

    @property
    def days(self) -> list[date]:
        """Every day, ascending."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    @property
    def previous(self) -> "Window":
        """As many days, right before."""
        days = timedelta(days=len(self.days))
        return Window(self.first - days, self.last - days, self.zone)

    def before(self, now: datetime) -> Interval:
        """The window before, up to the same time of day where this one is not over."""
        earlier, elapsed = self.previous, now.astimezone(UTC) - self.start
        # Whole quarters are summed already.
        end = earlier.start + elapsed - elapsed % _QUARTER
        return Interval(earlier.start, min(earlier.end, end) if elapsed > _QUARTER else earlier.end)


@dataclass(frozen=True)
class WeekHour:
    """An hour of the clock on a day of the week, from Monday (1) to Sunday (7); written `1-14`."""

    day: int
    hour: int

    def __str__(self) -> str:
        return f"{self.day}-{self.hour}"

    @classmethod
    def parse(cls, text: str) -> "WeekHour":
        """The hour that a text names; raises ValueError."""
        if not re.fullmatch(r"[1-7]-(?:1?[0-9]|2[0-3])", text):
            raise ValueError(text)
        day, _, hour = text.partition("-")
        return cls(int(day), int(hour))

    def within(self, window: Window) -> tuple[Interval, ...]:
        """Each such hour of a window, ascending: two on a day that has it twice as the clock is
        changed, none on one that leaves it out."""
        days = (day for day in window.days if day.isoweekday() == self.day)
        hours = (Bucket.HOUR.cut(Period.of_days(day, day, window.zone)) for day in days)
        return tuple(
            one
            for one in chain.from_iterable(hours)
            if one.start.astimezone(window.zone).hour == self.hour
        )


class Bucket(Enum):
    """What a period can be cut into. Weeks begin on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def label(self) -> str:
        """Its name for people, in the active language."""
        return str(_LABELS[self])

    def cut(self, period: Period) -> Iterator[Interval]:
        """The buckets of a period, ascending; the first and the last are as much of one as lies
        within the period.

        An hour in which the clock is changed is two buckets, unless that happens at its end.
        """
        start = period.start
        while start < period.end:
            end = min(self._next_edge(start, period.zone), period.end)
            yield Interval(start, end)
            start = end

    def _next_edge(self, instant: datetime, zone: ZoneInfo) -> datetime:
        if self is Bucket.HOUR:
            return _next_hour(instant, zone)
        day = instant.astimezone(zone).date()
        if self is Bucket.DAY:
            return midnight(day + timedelta(days=1), zone)
        if self is Bucket.WEEK:
            return midnight(day + timedelta(days=7 - day.weekday()), zone)
        return midnight(date(day.year + day.month // 12, day.month % 12 + 1, 1), zone)


_LABELS = {
    Bucket.HOUR: _("Hour"),
    Bucket.DAY: _("Day"),
    Bucket.WEEK: _("Week"),
    Bucket.MONTH: _("Month"),
}


def fitting_bucket(period: Period) -> Bucket:
    """The bucket that gives a chart of this period a readable number of points."""
    days = (period.end - period.start) / timedelta(days=1)
    if days <= 3:
        return Bucket.HOUR
    if days <= 100:
        return Bucket.DAY
    return Bucket.WEEK if days <= 366 else Bucket.MONTH


def present_quarter() -> datetime:
    """The quarter of an hour that it is: all buckets of all zones begin and end with one."""
    now = datetime.now(UTC)
    return now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The first instant of a day in a zone, in UTC."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _next_hour(instant: datetime, zone: ZoneInfo) -> datetime:
    local = instant.astimezone(zone)
    edge = (
        instant
        + _HOUR
        - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    )
    if edge.astimezone(zone).utcoffset() == local.utcoffset():
        return edge
    # Clocks are changed at a quarter of an hour, so that is where to look for the change.
    change = instant - (instant - datetime.min.replace(tzinfo=UTC)) % _QUARTER + _QUARTER
    while change < edge and change.astimezone(zone).utcoffset() == local.utcoffset():
        change += _QUARTER
    return min(change, edge)
