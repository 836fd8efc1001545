"""From the data of usage/web/page_queries.py to what the templates of the usage page write down:
shares, changes, charts, links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.urls import reverse

from usage.events.query import Cursor
from usage.history.dimensions import Dimension
from usage.history.measures import Counts, Measures
from usage.history.summaries import Group, GroupName
from usage.history.windows import Bucket, Interval
from usage.web.charts import (
    ATTEMPTS,
    PERCENTILES,
    TOKENS,
    Columns,
    Series,
    Slot,
    bar_chart,
    line_chart,
    sparkline,
)
from usage.web.page_queries import PageData, PageQuery

Pairs = list[tuple[str, str]]
_TIME = ("range", "from", "to", "tz", "bucket")
_COMPARED = ("requests", "failed", "total_tokens", "cost_nano_usd")
_COST_KINDS = (
    ("Input", "input"),
    ("Cache read", "cache_read"),
    ("Cache write", "cache_write"),
    ("Output", "output"),
)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of tokens: its name and CSS class, how many, and their share in percent."""

    label: str
    css: str
    count: int | None
    share: float


@dataclass(frozen=True, slots=True)
class Money:
    """Nano-dollars a thousand requests and a million tokens, and by kind; None without a price."""

    of_thousand_requests: int | None
    of_million_tokens: int | None
    kinds: Sequence[tuple[str, int | None]]


@dataclass(frozen=True, slots=True)
class Row:
    """One group of a table: what it is called, what it used, percentages, and where it leads."""

    names: Sequence[str]
    measures: Measures
    share: float
    success_rate: float
    cache_rate: float
    narrowed: str
    events: str


@dataclass(frozen=True, slots=True)
class Failure:
    """One class of failures: how many, their share in percent, and where they are."""

    label: str
    count: int
    share: float
    events: str


def share(part: float | None, whole: float | None) -> float:
    """A percentage, 0 of nothing."""
    return 100 * (part or 0) / whole if whole else 0.0


def change(now: float | None, before: float | None) -> float | None:
    """The change against before in percent; None where there is nothing to compare with."""
    return 100 * ((now or 0) - before) / before if before else None


def page_figures(
    query: PageQuery, data: PageData, parameters: Pairs, now: datetime
) -> dict[str, object]:
    """The context of the page beside its data; `parameters` are the query string that led here."""
    links = _Links(query, parameters)
    slots = [
        _slot(interval, query, links, now) for interval in query.bucket.cut(query.window.period)
    ]
    totals = data.totals
    return {
        "rates": {"success": _success_rate(totals), "cache": _cache_rate(totals)},
        "changes": {
            name: change(getattr(totals, name), getattr(data.before, name)) for name in _COMPARED
        },
        "kinds": [_kind(kind, totals) for kind in TOKENS],
        "money": _money(totals),
        "attempts_chart": bar_chart(slots, _columns(data.points, ATTEMPTS), ATTEMPTS),
        "tokens_chart": bar_chart(slots, _columns(data.points, TOKENS), TOKENS),
        "latency_chart": line_chart(slots, _latencies(data, len(slots)), PERCENTILES),
        "sparklines": _sparklines(data.points),
        "groups": [_row(group, totals, links) for group in data.breakdown.groups],
        "groups_beside": [_row(group, totals, links) for group in data.beside.groups],
        "failures": [
            _failure(group, totals, links) for group in data.failures if group.measures.failed
        ],
    }


def _success_rate(counts: Counts) -> float:
    return share(counts.succeeded, counts.attempts)


def _cache_rate(counts: Counts) -> float:
    return share(counts.cache_read_tokens, counts.input_tokens)


def _kind(kind: Series, totals: Counts) -> Kind:
    count: int | None = getattr(totals, kind.column)
    return Kind(kind.label, kind.css, count, share(count, totals.total_tokens))


def _money(totals: Counts) -> Money:
    return Money(
        _each(totals.cost_nano_usd, 1_000, totals.requests),
        _each(totals.cost_nano_usd, 1_000_000, totals.total_tokens),
        [(label, getattr(totals.cost, name)) for label, name in _COST_KINDS],
    )


def _each(cost: int | None, unit: int, count: int) -> int | None:
    return round(cost * unit / count) if cost is not None and count else None


def _columns(points: Sequence[object], series: tuple[Series, ...]) -> Columns:
    return {s.column: [getattr(point, s.column) for point in points] for s in series}


def _latencies(data: PageData, count: int) -> Columns:
    if not data.percentiles:
        return {s.column: [0] * count for s in PERCENTILES}
    return _columns([point.latency for point in data.percentiles], PERCENTILES)


class _Links:
    """Where things on the page lead: the page narrowed to them, and the events behind them."""

    def __init__(self, query: PageQuery, parameters: Pairs) -> None:
        self._parameters, self._zone = parameters, query.window.zone

    def narrowed(self, filters: Pairs) -> str:
        """The page with filters that hold beside the present ones."""
        return "?" + urlencode([*self._without(filters), *filters])

    def events(self, filters: Pairs) -> str:
        """The events of the window with filters that hold beside the present ones."""
        return f"{reverse('usage:events')}{self.narrowed(filters)}"

    def of_time(self, interval: Interval, bucket: Bucket) -> str:
        """The page of a bucket alone; of an hour, the events that lead back from its end."""
        first, last = (
            edge.astimezone(self._zone).date()
            for edge in (interval.start, interval.end - timedelta(microseconds=1))
        )
        days = [
            ("range", "custom"),
            ("from", str(first)),
            ("to", str(last)),
            ("tz", self._zone.key),
        ]
        pairs = [*(pair for pair in self._parameters if pair[0] not in _TIME), *days]
        if bucket is not Bucket.HOUR:
            return "?" + urlencode(pairs)
        cursor = ("cursor", str(Cursor(interval.end, 0)))
        return f"{reverse('usage:events')}?{urlencode([*pairs, cursor])}"

    def _without(self, filters: Pairs) -> Pairs:
        # A dimension that is filtered already is narrowed to the one value.
        named = {name for name, _ in filters}
        return [pair for pair in self._parameters if pair[0] not in named]


def _slot(interval: Interval, query: PageQuery, links: _Links, now: datetime) -> Slot:
    start, bucket = interval.start.astimezone(query.window.zone), query.bucket
    is_unfinished = interval.start <= now < interval.end
    name = start.strftime(
        {Bucket.HOUR: "%Y-%m-%d %H:%M", Bucket.WEEK: "week of %Y-%m-%d", Bucket.MONTH: "%Y-%m"}.get(
            bucket, "%Y-%m-%d"
        )
    )
    return Slot(
        name, _label(start, is_unfinished, query), links.of_time(interval, bucket), is_unfinished
    )


def _label(start: datetime, is_unfinished: bool, query: PageQuery) -> str:
    if query.bucket is Bucket.MONTH:
        return start.strftime("%Y-%m")
    if query.bucket is not Bucket.HOUR:
        return "today" if is_unfinished and query.bucket is Bucket.DAY else start.strftime("%m-%d")
    if len(query.window.days) == 1:
        return "now" if is_unfinished else start.strftime("%H:%M")
    return start.strftime("%m-%d") if start.hour == 0 else ""


def _filters(name: GroupName) -> Pairs:
    return [(dimension.value, value.value) for dimension, value in name.items()]


def _row(group: Group, totals: Counts, links: _Links) -> Row:
    filters = _filters(group.name)
    return Row(
        names=[value.label for value in group.name.values()],
        measures=group.measures,
        share=share(group.measures.attempts, totals.attempts),
        success_rate=_success_rate(group.measures),
        cache_rate=_cache_rate(group.measures),
        narrowed=links.narrowed(filters),
        events=links.events(filters),
    )


def _failure(group: Group, totals: Counts, links: _Links) -> Failure:
    failed = group.measures.failed
    label = group.name[Dimension.FAILURE_CLASS].label
    return Failure(label, failed, share(failed, totals.failed), links.events(_filters(group.name)))


def _sparklines(points: Sequence[Measures]) -> dict[str, str]:
    values: dict[str, list[float]] = {
        "requests": [point.requests for point in points],
        "failures": [point.failed for point in points],
        "tokens": [point.total_tokens for point in points],
        "cost": [point.cost_nano_usd or 0 for point in points],
        "cache": [_cache_rate(point) for point in points if point.input_tokens],
        "latency": [ms for point in points if (ms := point.latency.average_ms)],
        "ttft": [ms for point in points if (ms := point.ttft.average_ms)],
    }
    return {name: sparkline(figures) for name, figures in values.items()}
