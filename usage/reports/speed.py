"""How fast usage was: percentiles of latency and first token, and tokens per second, over time and
by the values of a dimension.

Percentiles come from the histograms that are kept with the sums, and from the events where no
rollup has all that a query filters and groups by: of all attempts, within 2 % of the exact value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from usage.history.measures import DURATIONS, NOTHING, Measures, measures
from usage.history.snapshot import one_instant
from usage.history.summaries import Breakdown, Series, SummaryQuery, breakdown, series

ROWS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Speed:
    """Everything with percentiles: the period as a whole, its buckets, the values of a dimension,
    and the buckets of the largest of these. `points` are empty where nothing happened."""

    totals: Measures
    points: Sequence[Measures]
    groups: Breakdown
    courses: Series


def speed(query: SummaryQuery) -> Speed:
    """The speed of the period by the dimension that the query groups by, with the courses of its
    `top` values. Raises InvalidQuery where it would need pruned events."""
    query = replace(query, percentiles=DURATIONS)
    whole = replace(query, groups=(), top=1)
    with one_instant():
        totals, points = breakdown(whole).groups, series(whole).groups
        return Speed(
            totals[0].measures if totals else measures(NOTHING, DURATIONS),
            points[0].points if points else (),
            breakdown(replace(query, top=ROWS_SHOWN)),
            series(query),
        )
