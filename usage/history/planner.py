"""Choosing the sources of an exact result at the least cost: rollups where they fit, events for
what is left.

    interval  |---------------------------------------------|
    days          |=======|=======|=======|=======|             the coarsest rollup that is worth it
                  takes the whole buckets
    hours       |=|                               |==|          the next finer one what is left at
                both ends
    events    |-|                                     |-----|   and the events what no rollup has

A rollup can serve if it has every dimension that the query filters or groups by. Where several
can, the one with the fewest rows per hour of traffic is read; a coarser one with more rows than a
finer one is not worth it. The figures are of the field's reference dataset
(usage/reference/dataset.py, 1,485 events an hour) and only their order matters.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from zoneinfo import ZoneInfo

from usage.history.dimensions import Dimension
from usage.history.windows import Interval, midnight
from usage.rollups import tables as rollups
from usage.rollups.tables import Granularity

_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
# No day is shorter than a usual one by more, however its clocks are changed.
_CLOCKS_CHANGE = timedelta(hours=3)


class Unit(Enum):
    """How long the buckets of a rollup are; hours and quarters are those of UTC, days those of the
    calendar."""

    QUARTER = timedelta(minutes=15)
    HOUR = timedelta(hours=1)
    DAY = timedelta(days=1)

    @property
    def length(self) -> timedelta:
        """How long a bucket is where no clock is changed."""
        length: timedelta = self.value
        return length

    def floor(self, instant: datetime, calendar: ZoneInfo) -> datetime:
        """The start of the bucket that an instant is in."""
        if self is Unit.DAY:
            return midnight(instant.astimezone(calendar).date(), calendar)
        return instant - (instant - _EPOCH) % self.length

    def ceiling(self, instant: datetime, calendar: ZoneInfo) -> datetime:
        """The start of the first bucket that begins at or after an instant."""
        floor = self.floor(instant, calendar)
        if floor == instant:
            return instant
        if self is Unit.DAY:
            return midnight(instant.astimezone(calendar).date() + timedelta(days=1), calendar)
        return floor + self.length


@dataclass(frozen=True)
class Source:
    """A rollup, or the events: what it can tell apart, and how many rows an hour of traffic
    makes."""

    name: str
    rows_an_hour: float
    dimensions: frozenset[Dimension]
    unit: Unit | None = None
    granularity: Granularity | None = None

    @property
    def parties(self) -> tuple[str, ...]:
        """The columns of client key and credential that it has."""
        return self.granularity.parties if self.granularity else ("client_key_id", "credential_id")


_UPSTREAM = frozenset({Dimension.UPSTREAM})
_OUTCOMES = _UPSTREAM | {Dimension.FAILURE_CLASS, Dimension.OUTCOME}
_KEY = _UPSTREAM | {Dimension.KEY, Dimension.USER}
_EVERYTHING = frozenset(Dimension)
_NO_PARTIES = _EVERYTHING - {Dimension.KEY, Dimension.USER, Dimension.CREDENTIAL}

EVENTS = Source("events", 1485, _EVERYTHING)
SOURCES = (
    Source("quarter_hourly", 12.5, _OUTCOMES, Unit.QUARTER, rollups.QUARTER_HOURLY),
    Source("hourly", 120, _NO_PARTIES, Unit.HOUR, rollups.HOURLY),
    Source("hourly_by_key", 27, _KEY, Unit.HOUR, rollups.HOURLY_BY_KEY),
    Source("daily", 44, _EVERYTHING, Unit.DAY, rollups.DAILY),
    Source("daily_overall", 0.2, _OUTCOMES, Unit.DAY, rollups.DAILY_OVERALL),
    Source("daily_by_key", 1.5, _KEY, Unit.DAY, rollups.DAILY_BY_KEY),
    Source("daily_by_model", 2, _UPSTREAM | {Dimension.MODEL}, Unit.DAY, rollups.DAILY_BY_MODEL),
    Source(
        "daily_by_key_and_model",
        11,
        _KEY | {Dimension.MODEL},
        Unit.DAY,
        rollups.DAILY_BY_KEY_AND_MODEL,
    ),
    Source(
        "daily_by_credential",
        7,
        _UPSTREAM | {Dimension.CREDENTIAL, Dimension.PROVIDER, Dimension.AUTH_TYPE},
        Unit.DAY,
        rollups.DAILY_BY_CREDENTIAL,
    ),
)


@dataclass(frozen=True)
class Piece(Interval):
    """A part of the interval with this number, made of whole buckets of the source that has
    it."""

    number: int


def plan(
    intervals: Iterable[Interval], dimensions: frozenset[Dimension], calendar: ZoneInfo
) -> dict[Source, list[Piece]]:
    """What covers each interval (numbered from 0) of a query on these dimensions: pieces by
    source, ascending."""
    intervals = list(intervals)
    longest = max((one.end - one.start for one in intervals), default=timedelta())
    ladder = [source for source in _ladder(dimensions) if _fits(source, longest)]
    pieces: dict[Source, list[Piece]] = {}
    for number, interval in enumerate(intervals):
        for source, start, end in _cover(interval.start, interval.end, ladder, calendar):
            pieces.setdefault(source, []).append(Piece(start, end, number))
    return pieces


def _ladder(dimensions: frozenset[Dimension]) -> list[Source]:
    """The sources that are worth reading, coarsest first, the events last."""
    ladder = [EVENTS]
    for unit in Unit:
        able = [
            source for source in SOURCES if source.unit is unit and source.dimensions >= dimensions
        ]
        best = min(able, key=lambda source: source.rows_an_hour, default=None)
        if best and best.rows_an_hour < ladder[0].rows_an_hour:
            ladder.insert(0, best)
    return ladder


def _fits(source: Source, longest: timedelta) -> bool:
    """Whether an interval may have room for a whole bucket of a source."""
    return source.unit is None or source.unit.length - _CLOCKS_CHANGE <= longest


def _cover(
    start: datetime, end: datetime, ladder: list[Source], calendar: ZoneInfo
) -> Iterator[tuple[Source, datetime, datetime]]:
    source, *finer = ladder
    if start >= end:
        return
    if source.unit is None:
        yield source, start, end
        return
    first, last = source.unit.ceiling(start, calendar), source.unit.floor(end, calendar)
    if first >= last:
        yield from _cover(start, end, finer, calendar)
        return
    yield from _cover(start, first, finer, calendar)
    yield source, first, last
    yield from _cover(last, end, finer, calendar)
