"""What the usage page reads: totals, the same by bucket, the time before, and two breakdowns."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from usage.history.dimensions import Dimension, Filters
from usage.history.measures import DURATIONS, added, counted
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import one_instant
from usage.history.source_sql import COUNTS
from usage.history.summaries import SummaryQuery, breakdown, series, summary
from usage.history.windows import Bucket, Interval, Window

ROWS_SHOWN = 50
_QUARTER = timedelta(minutes=15)


@dataclass(frozen=True)
class PageQuery:
    """The window and filters of the page, how finely its charts are cut, and what its first table
    is broken down by."""

    window: Window
    scope: Scope
    filters: Filters
    bucket: Bucket
    groups: tuple[Dimension, ...]

    @property
    def beside(self) -> Dimension:
        """What the second table is broken down by."""
        return Dimension.KEY if self.groups == (Dimension.MODEL,) else Dimension.MODEL

    def before(self, now: datetime) -> Interval:
        """As many days before the window, up to the same time of day where the window is not
        over."""
        days = timedelta(days=len(self.window.days))
        earlier = Window(self.window.first - days, self.window.last - days, self.window.zone)
        elapsed = now.astimezone(UTC) - self.window.start
        # Whole quarters are summed already.
        return Interval(
            earlier.start,
            min(earlier.end, earlier.start + elapsed - elapsed % _QUARTER)
            if elapsed > _QUARTER
            else earlier.end,
        )


def page_data(question: PageQuery, now: datetime) -> dict[str, Any]:
    """Everything that the page shows of rollups, as of one instant. Raises InvalidQuery where it
    would need pruned events."""
    asked = SummaryQuery(
        question.window.period, question.scope, question.filters, question.bucket, top=ROWS_SHOWN
    )
    with one_instant():
        return {
            **summary(asked)["data"],
            "before": _before(question, now),
            "courses": series(replace(asked, percentiles=("latency",), top=1))["data"]["groups"],
            "breakdown": breakdown(replace(asked, groups=question.groups, percentiles=DURATIONS))[
                "data"
            ],
            "beside": breakdown(replace(asked, groups=(question.beside,)))["data"],
            "failures": breakdown(replace(asked, groups=(Dimension.FAILURE_CLASS,)))["data"][
                "groups"
            ],
        }


def _before(question: PageQuery, now: datetime) -> dict[str, Any]:
    return counted(
        added(Query([question.before(now)], question.scope, question.filters).sums(COUNTS))
    )
