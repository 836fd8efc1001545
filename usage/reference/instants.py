"""When the events of the reference dataset happen: by the hours and weekdays of one city, with
bursts."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_HOUR_WEIGHTS = (
    0.35,
    0.28,
    0.25,
    0.25,
    0.35,
    0.60,
    0.90,
    1.20,
    1.50,
    1.70,
    1.80,
    1.70,
    1.60,
    1.50,
    1.50,
    1.60,
    1.80,
    2.00,
    2.20,
    2.00,
    1.60,
    1.20,
    0.80,
    0.50,
)
_CITY = timedelta(hours=8)  # its offset from UTC, all the year
_WEEKEND_WEIGHT, _BURST_WEIGHT, _BURST_CHANCE = 0.78, 3.5, 1 / 97
_RECENT_DAYS = 30
# How much busier a recent day is than an older one.
_RECENT_WEIGHT = (1_226_326 / 30) / (1_979_414 / 60)


@dataclass(frozen=True)
class Shape:
    """How many events, over how many days that end at `until` (the first instant without any), from
    which seed."""

    events: int
    days: int
    seed: int
    until: datetime


def instants(shape: Shape) -> Iterator[datetime]:
    """The instants of the events: evenly spaced in each hour, ascending."""
    for hour, count in hourly_counts(shape):
        for number in range(count):
            yield hour + timedelta(microseconds=int((number + 0.5) / count * 3_600_000_000))


def hourly_counts(shape: Shape) -> Iterator[tuple[datetime, int]]:
    recent_days = min(shape.days, _RECENT_DAYS)
    older_days = shape.days - recent_days
    recent = round(
        shape.events * recent_days * _RECENT_WEIGHT / (recent_days * _RECENT_WEIGHT + older_days)
    )
    middle = shape.until - timedelta(days=recent_days)
    yield from _spread(
        shape.events - recent,
        middle - timedelta(days=older_days),
        older_days,
        random.Random(f"older {shape.seed}"),
    )
    yield from _spread(recent, middle, recent_days, random.Random(f"recent {shape.seed}"))


def _spread(
    events: int, start: datetime, days: int, chance: random.Random
) -> list[tuple[datetime, int]]:
    """Whole counts that follow the weights of the hours, by largest remainder."""
    hours = [start + timedelta(hours=n) for n in range(24 * days)]
    weights = [
        _weight(hour) * (_BURST_WEIGHT if chance.random() < _BURST_CHANCE else 1) for hour in hours
    ]
    whole = sum(weights)
    exact = [events * weight / whole for weight in weights]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(hours)), key=lambda n: (counts[n] - exact[n], n))
    for n in by_remainder[: events - sum(counts)]:
        counts[n] += 1
    return list(zip(hours, counts, strict=True))


def _weight(instant: datetime) -> float:
    local = instant.astimezone(UTC) + _CITY
    return _HOUR_WEIGHTS[local.hour] * (_WEEKEND_WEIGHT if local.weekday() >= 5 else 1)
