"""Two selections side by side: the same figures of both, and both courses over the same buckets."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from usage.history.measures import DURATIONS, NOTHING, Measures, added, measures
from usage.history.queries import Query
from usage.history.snapshot import one_instant
from usage.history.summaries import SummaryQuery, whole
from usage.history.windows import Interval


@dataclass(frozen=True)
class Selection:
    """What is compared: the query of its course, and the interval of its totals, which begins with
    it and ends earlier where the other one is not over yet."""

    query: SummaryQuery
    interval: Interval


@dataclass(frozen=True, slots=True)
class Side:
    """What a selection used: totals and buckets, both with percentiles."""

    totals: Measures
    points: Sequence[Measures]


def comparison(selections: Sequence[Selection]) -> list[Side]:
    """What each selection used, as of one instant. Raises InvalidQuery where it would need pruned
    events."""
    with one_instant():
        return [_side(selection) for selection in selections]


def _side(selection: Selection) -> Side:
    query = replace(selection.query, groups=(), percentiles=DURATIONS)
    found = whole(query)
    nothing = measures(NOTHING, DURATIONS)
    points = found.points if found else [nothing] * len(query.buckets)
    if selection.interval.end == query.period.end:
        return Side(found.totals if found else nothing, points)
    return Side(_totals(query.over([selection.interval])), points)


def _totals(over: Query) -> Measures:
    bins = over.percentiles(DURATIONS).get((0, 1))
    return measures(added(over.sums()), DURATIONS, bins)
