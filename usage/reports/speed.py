"""How fast usage was: percentiles of latency and first token, and tokens per second, over time and
by the values of a dimension.

Percentiles come from the histograms that are kept with the sums, and from the events where no
rollup has all that a query filters and groups by: of all attempts, within 2 % of the exact value.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from usage.history.measures import DURATIONS
from usage.history.snapshot import one_instant
from usage.history.summaries import Split, SummaryQuery, split, whole

ROWS_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Speed:
    """Everything with percentiles: the period as a whole and its buckets, None where nothing
    happened, and the values of a dimension, largest first, those with a course with their
    buckets."""

    whole: Split | None
    groups: Sequence[Split]

    @property
    def courses(self) -> list[Split]:
        """The values that have a course."""
        return [group for group in self.groups if group.name and group.points]


def speed(query: SummaryQuery) -> Speed:
    """The speed of the period by the dimension that the query groups by, with the courses of its
    `top` values. Raises InvalidQuery where it would need pruned events."""
    everything = replace(query, groups=(), percentiles=DURATIONS)
    grouped = replace(query, top=ROWS_SHOWN, percentiles=DURATIONS)
    with one_instant():
        return Speed(whole(everything), split(grouped, query.top))
