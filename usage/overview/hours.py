"""How healthy each upstream and provider was in each of the last hours, as the share of attempts
that succeeded shows it.

Staff see upstreams and providers; other users the upstreams and providers as their own client keys
found them, and each of these keys. No rollup has both key and provider by the hour, so that the
providers of users are read from the events; they are left out where that would take long.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from itertools import groupby

from usage.history.dimensions import Dimension
from usage.history.labels import group_value, labels
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row
from usage.history.summaries import GroupValue
from usage.history.windows import Interval

HOURS = 90
# The shares of attempts that succeeded, in percent, from which an hour is good or degraded.
GOOD, DEGRADED = 95, 75
MOST_STRIPS = 8
# Attempts of a user in these hours that are read from the events; more would take too long.
MOST_EVENTS = 20_000
_HOUR = timedelta(hours=1)
_OF_USERS = (Dimension.UPSTREAM, Dimension.KEY)
_SUMS = ("attempts", "failed")
_OF_STAFF = (Dimension.UPSTREAM, Dimension.PROVIDER)


class Grade(Enum):
    """How an hour was."""

    GOOD = "good"
    DEGRADED = "degraded"
    BAD = "bad"
    NONE = "none"


# Without slots, with which the cache would take several times as long to pickle them.
@dataclass(frozen=True)
class Run:
    """Hours in a row with one grade, numbered from the oldest, and their attempts."""

    grade: Grade
    first: int
    hours: int
    attempts: int
    failed: int


@dataclass(frozen=True)
class Strip:
    """One upstream, provider or client key over the hours, oldest first."""

    dimension: Dimension
    value: GroupValue
    attempts: int
    runs: tuple[Run, ...]

    def count(self, grade: Grade) -> int:
        """How many hours had a grade."""
        return sum(run.hours for run in self.runs if run.grade is grade)


@dataclass(frozen=True)
class Health:
    """The strips of the upstreams and then of the others, and the hours that they cover."""

    hours: Sequence[Interval]
    strips: tuple[Strip, ...]


def grade(attempts: int, failed: int) -> Grade:
    """How an hour with so many attempts was."""
    if not attempts:
        return Grade.NONE
    succeeded = 100 * (attempts - failed)
    if succeeded >= GOOD * attempts:
        return Grade.GOOD
    return Grade.DEGRADED if succeeded >= DEGRADED * attempts else Grade.BAD


def health(scope: Scope, now: datetime) -> Health:
    """The strips of the hours up to the present one."""
    hours = last_hours(now)
    groups = _OF_STAFF if scope.sees_everything else _OF_USERS
    rows = Query(hours, scope, groups=groups).sums(_SUMS)
    first, second = (list(_strips(rows, place, group)) for place, group in enumerate(groups, 1))
    between = [] if scope.sees_everything else _providers(hours, scope, rows)
    return Health(hours, (*first, *between, *second))


def _providers(hours: Sequence[Interval], scope: Scope, rows: Sequence[Row]) -> list[Strip]:
    """The strips of a user's providers, unless these rows of theirs count too many attempts."""
    if not 0 < sum(row["attempts"] for row in rows) <= MOST_EVENTS:
        return []
    found = Query(hours, scope, groups=(Dimension.PROVIDER,)).sums(_SUMS)
    return list(_strips(found, 1, Dimension.PROVIDER))


def last_hours(now: datetime) -> list[Interval]:
    """The hours of UTC up to the present one, oldest first."""
    present = now.replace(minute=0, second=0, microsecond=0)
    starts = (present - n * _HOUR for n in reversed(range(HOURS)))
    return [Interval(start, start + _HOUR) for start in starts]


def _strips(rows: Sequence[Row], place: int, dimension: Dimension) -> Iterator[Strip]:
    """The strips of the values with most attempts."""
    counts: dict[str, list[list[int]]] = {}
    for row in rows:
        value = row[f"group_{place}"] or ""
        if value not in counts:
            counts[value] = [[0, 0] for _ in range(HOURS)]
        hour = counts[value][row["number"]]
        hour[0] += row["attempts"]
        hour[1] += row["failed"]
    attempts = Counter({value: sum(n for n, _ in hours) for value, hours in counts.items()})
    largest = attempts.most_common(MOST_STRIPS)
    known = labels(dimension, attempts)
    for value, total in largest:
        name = GroupValue(group_value(dimension, value), known[value])
        yield Strip(dimension, name, total, tuple(_runs(counts[value])))


def _runs(hours: Sequence[Sequence[int]]) -> Iterator[Run]:
    first = 0
    for kind, found in groupby(hours, key=lambda hour: grade(hour[0], hour[1])):
        run = list(found)
        yield Run(kind, first, len(run), sum(n for n, _ in run), sum(n for _, n in run))
        first += len(run)
