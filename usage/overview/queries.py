"""What the Overview reads: totals and the time before, their course, activity, health, and who uses
most; all as of one instant."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from usage.history.dimensions import Dimension
from usage.history.labels import group_value, labels
from usage.history.measures import DURATIONS, Counts, Measures, added, counts, measures
from usage.history.planned import is_collected
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import one_instant
from usage.history.source_sql import COUNTS, PAID
from usage.history.summaries import GroupValue
from usage.history.windows import Interval
from usage.overview.activity import Activity, activity
from usage.overview.hours import Health, health
from usage.web.page_queries import PageQuery

TOP = 6
_OF_STAFF = (Dimension.KEY, Dimension.MODEL, Dimension.CREDENTIAL, Dimension.USER)
_OF_USERS = (Dimension.KEY, Dimension.MODEL)


# Without slots, with which the cache would take several times as long to pickle them.
@dataclass(frozen=True)
class Consumer:
    """One that uses tokens: how many, and what they cost; None without a price."""

    name: GroupValue
    total_tokens: int
    cost_nano_usd: int | None


@dataclass(frozen=True)
class Top:
    """Those that use most tokens, most first, and how many others there are."""

    consumers: Sequence[Consumer]
    others: int


@dataclass(frozen=True)
class Overview:
    """Everything on the page but what is wrong now and what is new since the last visit; `tops` are
    by dimension, and the time before is comparable if usage was collected in all of it."""

    totals: Measures
    before: Measures
    is_comparable: bool
    points: Sequence[Measures]
    activity: Activity
    health: Health
    tops: dict[Dimension, Top]


def overview(query: PageQuery, now: datetime) -> Overview:
    """The data of the page. Raises InvalidQuery where it would need pruned events."""
    with one_instant():
        totals, before, points = _totals(query, now)
        dimensions = _OF_STAFF if query.scope.sees_everything else _OF_USERS
        return Overview(
            totals,
            before,
            is_collected(query.window.previous.start),
            points,
            activity(query.scope, query.window),
            health(query.scope, now),
            {dimension: _top(query, dimension) for dimension in dimensions},
        )


def used_since(scope: Scope, since: datetime, now: datetime) -> Counts:
    """What was used from an instant on. Raises InvalidQuery where that needs pruned events."""
    return counts(added(Query([Interval(since, now)], scope).sums(COUNTS)))


def _totals(query: PageQuery, now: datetime) -> tuple[Measures, Measures, list[Measures]]:
    """The totals of the window, of the time before, and of each bucket, by two statements."""
    window, before = query.window.period, query.window.before(now)
    buckets = list(query.bucket.cut(window))
    found = {row["number"]: row for row in Query([before, *buckets], query.scope).sums()}
    bins = Query([before, window], query.scope).percentiles(DURATIONS)
    earlier = found.pop(0, added([]))
    return (
        measures(added(list(found.values())), DURATIONS, bins.get((1, 1))),
        measures(earlier, DURATIONS, bins.get((0, 1))),
        [measures(found.get(number, added([]))) for number in range(1, len(buckets) + 1)],
    )


def _top(query: PageQuery, dimension: Dimension) -> Top:
    over = Query([query.window.period], query.scope, groups=(dimension,))
    found = {row["group_1"]: row for row in over.sums(("attempts", "total_tokens", PAID))}
    ranked = sorted(found, key=lambda value: (-(found[value]["total_tokens"] or 0), value))
    names = labels(dimension, ranked[:TOP])
    consumers = [
        Consumer(
            GroupValue(group_value(dimension, value), names[value]),
            found[value]["total_tokens"] or 0,
            found[value][PAID],
        )
        for value in ranked[:TOP]
    ]
    return Top(consumers, len(ranked[TOP:]))
