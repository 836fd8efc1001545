"""Measures, summaries, series and breakdowns as JSON (docs/api.md)."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from operator import attrgetter

from monitoring.api.instants import iso
from usage.history.dimensions import Filters
from usage.history.measures import DURATIONS, Cost, Counts, Duration, Measures
from usage.history.summaries import Breakdown, GroupName, Series, Summary, SummaryQuery, Totals
from usage.history.windows import Period

Body = dict[str, object]


def camel(name: str) -> str:
    """The JSON name of an attribute."""
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


_COUNTS = [field.name for field in fields(Counts) if field.name != "cost"]
COUNT_NAMES = [camel(name) for name in _COUNTS]
counts_of = attrgetter(*_COUNTS)
_COST = [field.name for field in fields(Cost)]
_COST_NAMES = [camel(name) for name in _COST]
_cost_of = attrgetter(*_COST)
_DURATION = [field.name for field in fields(Duration)]
_DURATION_NAMES = [camel(name) for name in _DURATION]
_duration_of = attrgetter(*_DURATION)


def counts_body(counts: Counts) -> Body:
    """Counts under their JSON names."""
    return {
        **dict(zip(COUNT_NAMES, counts_of(counts), strict=True)),
        "cost": cost_body(counts.cost),
    }


def cost_body(cost: Cost) -> Body:
    """Nano-dollars by kind under their JSON names."""
    return dict(zip(_COST_NAMES, _cost_of(cost), strict=True))


def duration_body(duration: Duration) -> Body:
    """A duration under its JSON names, without the percentiles that were not requested."""
    named = zip(_DURATION_NAMES, _duration_of(duration), strict=True)
    return {name: value for name, value in named if value is not None}


def measures_body(measures: Measures) -> Body:
    """Counts and durations."""
    return {
        **counts_body(measures),
        **{name: duration_body(getattr(measures, name)) for name in DURATIONS},
    }


def period_body(period: Period) -> Body:
    """A period, in UTC, and the zone of its days."""
    return {"from": iso(period.start), "to": iso(period.end), "timeZone": period.zone.key}


def summary_body(query: SummaryQuery, summary: Summary) -> Body:
    """`GET /api/usage/summary`."""
    data = {
        "period": period_body(query.period),
        "totals": measures_body(summary.totals),
        "series": {
            "bucket": query.bucket.value,
            "starts": starts_body(query),
            "values": columns_body(summary.points),
        },
    }
    if summary.previous:
        data["previous"] = _totals(summary.previous)
    return _enveloped(query, data)


def series_body(query: SummaryQuery, series: Series) -> Body:
    """`GET /api/usage/series`."""
    data = {
        "period": period_body(query.period),
        "bucket": query.bucket.value,
        "starts": starts_body(query),
        **_grouping(query),
        "groups": [
            {**_group_name(group.name), "values": columns_body(group.points)}
            for group in series.groups
        ],
        "rest": {"values": columns_body(series.rest)} if series.rest else None,
    }
    return _enveloped(query, data)


def breakdown_body(query: SummaryQuery, breakdown: Breakdown) -> Body:
    """`GET /api/usage/breakdown`."""
    rest = breakdown.rest
    data = {
        "period": period_body(query.period),
        **_grouping(query),
        "groups": [
            {**_group_name(group.name), **measures_body(group.measures)}
            for group in breakdown.groups
        ],
        "rest": {"groups": rest.groups, **measures_body(rest.measures)} if rest else None,
        "totals": measures_body(breakdown.totals),
    }
    return _enveloped(query, data)


def _enveloped(query: SummaryQuery, data: Body) -> Body:
    filters = filters_body(query.filters)
    return {"data": data | {"filters": filters}, "isAdmin": query.scope.sees_everything}


def filters_body(filters: Filters) -> dict[str, list[str]]:
    """The accepted values of each dimension that is restricted."""
    accepted: dict[str, list[str]] = {}
    for name, value in filters.query:
        accepted.setdefault(name, []).append(value)
    return accepted


def _totals(totals: Totals) -> Body:
    return {"period": period_body(totals.period), "totals": measures_body(totals.measures)}


def starts_body(query: SummaryQuery) -> list[str]:
    """When each bucket begins."""
    return [iso(bucket.start, "auto") for bucket in query.buckets]


def _grouping(query: SummaryQuery) -> Body:
    return {
        "groupBy": [dimension.value for dimension in query.groups],
        "top": query.top,
        "orderBy": camel(query.order),
    }


def _group_name(name: GroupName) -> Body:
    return {
        dimension.value: {"value": value.value, "label": value.label}
        for dimension, value in name.items()
    }


def columns_body(points: Sequence[Measures]) -> Body:
    """The measures of points as one list each."""
    counts = zip(COUNT_NAMES, zip(*map(counts_of, points), strict=True), strict=True)
    costs = zip(*(_cost_of(point.cost) for point in points), strict=True)
    return {
        **dict(counts),
        "cost": dict(zip(_COST_NAMES, costs, strict=True)),
        **{name: _duration_columns(map(attrgetter(name), points)) for name in DURATIONS},
    }


def _duration_columns(durations: Iterable[Duration]) -> Body:
    columns = zip(*map(_duration_of, durations), strict=True)
    named = zip(_DURATION_NAMES, columns, strict=True)
    # Percentiles are requested of all points or of none.
    return {name: column for name, column in named if column[0] is not None}
