"""Sums and percentiles of usage for rules: of one window, of the same window of past weeks, and of
every window of a stretch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from monitoring.alerts.signals import Measurement
from usage.failures.guidance import guidance_of
from usage.history.dimensions import Dimension, Filters, InvalidQuery
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.windows import Interval
from usage.rollups.histograms import duration_of

EVERYTHING = Scope(owner_id=None, sees_everything=True)
PERCENTILE = 95
_QUARTER, _HOUR = timedelta(minutes=15), timedelta(hours=1)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_OUTCOMES = frozenset({Dimension.FAILURE_CLASS, Dimension.OUTCOME})
_IN_QUARTERS = _OUTCOMES | {Dimension.UPSTREAM}


@dataclass(frozen=True)
class Totals:
    """Attempts, those that failed (of the wanted class, if there is one), and tokens; of which
    class most failures are and what to do, where that was read."""

    attempts: int = 0
    failed: int = 0
    tokens: int = 0
    cause: str = ""

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            self.attempts + other.attempts, self.failed + other.failed, self.tokens + other.tokens
        )


def filters_of(wanted: Mapping[str, str]) -> Filters:
    """The filters of a rule; raises ValueError."""
    known = {dimension.value for dimension in Dimension}
    if unknown := wanted.keys() - known:
        raise ValueError(f"unknown filter {min(unknown)}")
    try:
        return Filters.from_query(QueryDict(urlencode(wanted)))
    except InvalidQuery as error:
        raise ValueError("; ".join(f"{n}: {why}" for n, why in error.fields.items())) from error


def check_filters(wanted: Mapping[str, str]) -> None:
    """Refuse filters with ValueError."""
    filters_of(wanted)


def totals(query: Measurement, intervals: Sequence[Interval]) -> tuple[Totals, ...]:
    """The totals of each interval; these are in their order. A filter by failure class restricts
    the failed, not the attempts that they are a share of."""
    filters, wanted = filters_of(query.filters), tuple(intervals)
    return query.once(("totals", wanted, filters), lambda: _totals(wanted, filters))


def _totals(intervals: Sequence[Interval], filters: Filters) -> tuple[Totals, ...]:
    every = _sums(intervals, filters.without(*_OUTCOMES))
    failed = [row.failed for row in every]
    if filters.dimensions & _OUTCOMES:
        failed = [row.failed for row in _sums(intervals, filters)]
    return tuple(
        Totals(row.attempts, failures, row.tokens)
        for row, failures in zip(every, failed, strict=True)
    )


def _sums(intervals: Sequence[Interval], filters: Filters) -> list[Totals]:
    measures = ("attempts", "failed", "total_tokens")
    found = {
        row["number"]: Totals(row["attempts"], row["failed"], row["total_tokens"] or 0)
        for row in Query(intervals, EVERYTHING, filters).sums(measures)
    }
    return [found.get(number, Totals()) for number in range(len(intervals))]


def cause_of(query: Measurement) -> str:
    """Of which class most failures of the window are, what it means and what to do, in a sentence
    each."""
    filters, window = filters_of(query.filters), window_of(query)
    rows = query.once(
        ("classes", window, filters),
        lambda: Query([window], EVERYTHING, filters, (Dimension.FAILURE_CLASS,)).sums(
            ("attempts",)
        ),
    )
    name = next((row["group_1"] for row in rows if row["group_1"]), "")
    if not name:
        return ""
    guidance = guidance_of(name)
    about = {"class": guidance.name, "meaning": guidance.meaning, "action": guidance.action}
    return gettext("Most: %(class)s. %(meaning)s %(action)s") % about


def percentile(
    measure: str, intervals: Sequence[Interval], filters: Filters
) -> list[tuple[int, float]]:
    """Of each interval how many attempts have the duration, and its 95th percentile in seconds."""
    query = Query(intervals, EVERYTHING, filters)
    counts = {
        row["number"]: row[f"{measure}_count"]
        for row in query.sums(("attempts", f"{measure}_count"))
    }
    bins = {number: found for (number, _), found in query.percentiles((measure,)).items()}
    return [
        (counts.get(n, 0), duration_of(bins[n][measure][PERCENTILE]) / 1000)
        if n in bins and measure in bins[n]
        else (0, 0.0)
        for n in range(len(intervals))
    ]


def window_of(query: Measurement) -> Interval:
    """The window as an interval of history."""
    return Interval(query.start, query.end)


def steps(start: datetime, query: Measurement) -> list[Interval]:
    """The stretch from `start` to the measurement's end in steps that rollups serve: quarters where
    they tell apart what is filtered by, else hours."""
    fine = filters_of(query.filters).dimensions <= _IN_QUARTERS
    step = _QUARTER if fine else _HOUR
    first = start - (start - _EPOCH) % step
    count = max(int((query.end - first) / step), 0)
    return [Interval(first + n * step, first + (n + 1) * step) for n in range(count)]


def rolling(
    intervals: Sequence[Interval], found: Sequence[Totals], window: timedelta
) -> Iterator[tuple[datetime, Totals]]:
    """The totals of the window that ends with each step; windows are rounded up to whole steps."""
    if not intervals:
        return
    step = intervals[0].end - intervals[0].start
    count = max(-(-window // step), 1)
    for place in range(len(intervals)):
        parts = found[max(place + 1 - count, 0) : place + 1]
        yield intervals[place].end, sum(parts, Totals())


def events_url(query: Measurement, **more: str) -> str:
    """The page of the events behind a reading, with its filter and its days."""
    first, last = timezone.localdate(query.start), timezone.localdate(query.end)
    wanted = {**query.filters, **more, "from": first.isoformat(), "to": last.isoformat()}
    return f"{reverse('usage:events')}?{urlencode(wanted)}"
