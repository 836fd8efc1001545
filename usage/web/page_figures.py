"""From the data of usage/web/page_queries.py to what the templates of the usage page write down:
shares, changes, charts, links."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext

from monitoring.templatetags.figures import amount
from monitoring.web.currency import shown
from usage.history.dimensions import Dimension
from usage.history.labels import label_for_people
from usage.history.measures import Counts, Measures, cost_of_each
from usage.history.summaries import Group
from usage.web.charts import (
    ATTEMPTS,
    COSTS,
    PERCENTILES,
    TOKENS,
    Chart,
    Columns,
    Series,
    Slot,
    bar_chart,
)
from usage.web.line_charts import line_chart
from usage.web.links import Links, Pairs, pairs_of, slots
from usage.web.page_queries import PageData, PageQuery
from usage.web.tiles import cache_rate, share, success_rate, tiles


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


def page_figures(
    query: PageQuery, data: PageData, parameters: Pairs, now: datetime
) -> dict[str, object]:
    """The context of the page beside its data; `parameters` are the query string that led here."""
    links = Links(parameters, query.window.zone)
    axis = slots(query.window, query.bucket, links, now)
    totals, latencies = data.totals, [point.latency for point in data.points]
    return {
        "tiles": tiles(data, links.of_tiles()),
        "kinds": [_kind(kind, totals) for kind in TOKENS],
        "money": _money(totals),
        "attempts_chart": bar_chart(axis, columns(data.points, ATTEMPTS), ATTEMPTS),
        "second_chart": _costs_chart(axis, data.points)
        if query.charts_cost
        else bar_chart(axis, columns(data.points, TOKENS), TOKENS),
        "latency_chart": line_chart(axis, columns(latencies, PERCENTILES), PERCENTILES),
        "groups": [_row(group, totals, links) for group in data.breakdown.groups],
        "groups_beside": [_row(group, totals, links) for group in data.beside.groups],
        "failures": [
            _failure(group, totals, links) for group in data.failures if group.measures.failed
        ],
    }


def _kind(kind: Series, totals: Counts) -> Kind:
    count: int | None = getattr(totals, kind.column)
    return Kind(gettext(kind.label), kind.css, count, share(count, totals.total_tokens))


def _money(totals: Counts) -> Money:
    return Money(
        cost_of_each(totals.cost_nano_usd, 1_000, totals.requests),
        cost_of_each(totals.cost_nano_usd, 1_000_000, totals.total_tokens),
        [(gettext(kind.label), getattr(totals.cost, kind.column)) for kind in COSTS],
    )


def columns(points: Sequence[object], series: tuple[Series, ...]) -> Columns:
    """The columns of some series of points."""
    return {s.column: [getattr(point, s.column) for point in points] for s in series}


def _costs_chart(slots: Sequence[Slot], points: Sequence[Counts]) -> Chart:
    """In nano-units of the page's currency, so that its axis has round amounts of it."""
    currency = shown().currency

    def converted(cost: int | None) -> int | None:
        return None if cost is None else currency.of(cost)

    converted_costs = {
        kind.column: [converted(getattr(point.cost, kind.column)) for point in points]
        for kind in COSTS
    }
    return bar_chart(slots, converted_costs, COSTS, amount)


def _row(group: Group, totals: Counts, links: Links) -> Row:
    filters = pairs_of(group.name)
    return Row(
        names=[
            label_for_people(name, value.value, value.label) for name, value in group.name.items()
        ],
        measures=group.measures,
        share=share(group.measures.attempts, totals.attempts),
        success_rate=success_rate(group.measures),
        cache_rate=cache_rate(group.measures),
        narrowed=links.narrowed(filters),
        events=links.events(filters),
    )


def _failure(group: Group, totals: Counts, links: Links) -> Failure:
    failed = group.measures.failed
    value = group.name[Dimension.FAILURE_CLASS]
    label = label_for_people(Dimension.FAILURE_CLASS, value.value, value.label)
    return Failure(label, failed, share(failed, totals.failed), links.events(pairs_of(group.name)))
