"""What the usage page reads: totals, the same by bucket, the time before, and breakdowns."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from usage.history.dimensions import Dimension, Filters
from usage.history.measures import DURATIONS, NOTHING, Measures, added, measures
from usage.history.planned import is_collected
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import one_instant
from usage.history.summaries import Breakdown, Group, SummaryQuery, breakdown, whole
from usage.history.windows import Bucket, Window

ROWS_SHOWN = 50


@dataclass(frozen=True)
class PageQuery:
    """The window and filters of the page, how finely its charts are cut, what its first table is
    broken down by, and whether its second chart is of costs instead of tokens."""

    window: Window
    scope: Scope
    filters: Filters
    bucket: Bucket
    groups: tuple[Dimension, ...]
    charts_cost: bool = field(default=False, repr=False)

    @property
    def beside(self) -> Dimension:
        """What the second table is broken down by."""
        return Dimension.KEY if self.groups == (Dimension.MODEL,) else Dimension.MODEL


@dataclass(frozen=True)
class PageData:
    """Everything that the page shows of rollups; `points` are by bucket, and
    the time before is comparable if usage was collected in all of it."""

    totals: Measures
    before: Measures
    is_comparable: bool
    points: Sequence[Measures]
    breakdown: Breakdown
    beside: Breakdown
    failures: Sequence[Group]


def page_data(query: PageQuery, now: datetime) -> PageData:
    """The data of the page as of one instant. Raises InvalidQuery where it would need pruned
    events."""
    everything = SummaryQuery(
        query.window.period, query.scope, query.filters, query.bucket, top=ROWS_SHOWN
    )
    with one_instant():
        found = whole(replace(everything, percentiles=DURATIONS))
        nothing = measures(NOTHING, DURATIONS)
        return PageData(
            totals=found.totals if found else nothing,
            before=_before(query, now),
            is_comparable=is_collected(query.window.previous.start),
            points=found.points if found else [nothing] * len(everything.buckets),
            breakdown=breakdown(replace(everything, groups=query.groups, percentiles=DURATIONS)),
            beside=breakdown(replace(everything, groups=(query.beside,))),
            failures=breakdown(replace(everything, groups=(Dimension.FAILURE_CLASS,))).groups,
        )


def _before(query: PageQuery, now: datetime) -> Measures:
    before = Query([query.window.before(now)], query.scope, query.filters)
    return measures(added(before.sums()), DURATIONS, before.percentiles(DURATIONS).get((0, 1)))
