"""The bodies of `GET /api/usage/summary`, `/series` and `/breakdown` (docs/api.md).

All raise InvalidQuery, naming the parameter, where a question would need events that were pruned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from monitoring.api.instants import iso
from usage.history.dimensions import Dimension, Filters
from usage.history.labels import group_value, labels
from usage.history.measures import DURATIONS, NOTHING, added, counted, duration
from usage.history.queries import Bins, Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant
from usage.history.windows import Bucket, Interval, Period

# Bins of percentiles by number of the interval and rank of the group, and by measure.
BinsOf = dict[tuple[int, int], dict[str, Bins]]
# How groups can be ranked, by the name of the measure in JSON.
ORDERS = {
    "attempts": "attempts",
    "requests": "requests",
    "failed": "failed",
    "totalTokens": "total_tokens",
}


@dataclass(frozen=True)
class SummaryQuery:
    """What all three are asked: when, whose, which; and how finely."""

    period: Period
    scope: Scope
    filters: Filters = field(default_factory=Filters)
    bucket: Bucket = Bucket.DAY
    groups: tuple[Dimension, ...] = ()
    percentiles: tuple[str, ...] = ()
    top: int = 100
    order: str = "attempts"
    compares: bool = False

    @property
    def buckets(self) -> list[Interval]:
        """The buckets of the period."""
        return list(self.bucket.cut(self.period))

    def question(self, intervals: Sequence[Interval], groups: tuple[Dimension, ...] = ()) -> Query:
        """The question for some intervals."""
        return Query(intervals, self.scope, self.filters, groups)


def summary(asked: SummaryQuery) -> Row:
    """Totals of a period with percentiles, the same by bucket, and the totals of the period before
    if wanted."""
    with one_instant():
        buckets = asked.buckets
        points = asked.question(buckets).sums()
        data = {
            "period": _told(asked.period),
            "totals": _totals(asked, asked.period, added(points)),
            "series": {
                "bucket": asked.bucket.value,
                "starts": _starts(buckets),
                "values": _columns(_aligned(points, len(buckets))),
            },
        }
        if asked.compares:
            data["previous"] = _previous(asked)
    return _body(asked, data)


def _previous(asked: SummaryQuery) -> Row:
    period = asked.period.previous
    return {
        "period": _told(period),
        "totals": _totals(asked, period, added(asked.question([period]).sums())),
    }


def _totals(asked: SummaryQuery, period: Period, row: Row) -> Row:
    bins = asked.question([period]).percentiles(DURATIONS).get((0, 1), {})
    return counted(row) | {
        measure: duration(row, measure, bins.get(measure, {})) for measure in DURATIONS
    }


def series(asked: SummaryQuery) -> Row:
    """Measures by bucket for the largest groups of the period, and for all others together."""
    with one_instant():
        buckets = asked.buckets
        question = asked.question(buckets, asked.groups)
        points = question.ranked_sums(asked.top, ORDERS[asked.order])
        bins = _bins(asked, question, points)
        by_rank: dict[int, list[Row]] = {}
        for point in points:
            by_rank.setdefault(point["rank"], []).append(point)
        names = _names(asked, points)
        told = {
            rank: {"values": _columns(_aligned(of_rank, len(buckets)), asked.percentiles, bins)}
            for rank, of_rank in sorted(by_rank.items())
        }
        data = {
            "period": _told(asked.period),
            "bucket": asked.bucket.value,
            "starts": _starts(buckets),
            "groupBy": [group.value for group in asked.groups],
            "top": asked.top,
            "orderBy": asked.order,
            "groups": [
                {**names[rank], **values} for rank, values in told.items() if rank <= asked.top
            ],
            "rest": told.get(asked.top + 1),
        }
    return _body(asked, data)


def breakdown(asked: SummaryQuery) -> Row:
    """Measures of the largest groups of a period, of all others together, and of everything."""
    with one_instant():
        question = asked.question([asked.period], asked.groups)
        found = question.ranked_sums(asked.top, ORDERS[asked.order])
        bins = _bins(asked, question, found)
        names = _names(asked, found)
        told = {
            row["rank"]: _measured(row, asked.percentiles, bins.get((0, row["rank"]), {}))
            for row in found
        }
        rest = [row for row in found if row["rank"] > asked.top]
        data = {
            "period": _told(asked.period),
            "groupBy": [group.value for group in asked.groups],
            "top": asked.top,
            "orderBy": asked.order,
            "groups": [
                {**names[row["rank"]], **told[row["rank"]]}
                for row in found
                if row["rank"] <= asked.top
            ],
            "rest": {"groups": rest[0]["groups"], **told[asked.top + 1]} if rest else None,
            "totals": _measured(added(found), (), {}),
        }
    return _body(asked, data)


def _body(asked: SummaryQuery, data: Row) -> Row:
    filters: dict[str, list[str]] = {}
    for name, value in asked.filters.query:
        filters.setdefault(name, []).append(value)
    return {"data": data | {"filters": filters}, "isAdmin": asked.scope.sees_everything}


def _told(period: Period) -> Row:
    return {"from": iso(period.start), "to": iso(period.end), "timeZone": period.zone.key}


def _starts(buckets: list[Interval]) -> list[str]:
    return [iso(bucket.start, "auto") for bucket in buckets]


def _bins(asked: SummaryQuery, question: Query, found: list[Row]) -> BinsOf:
    """Bins by interval and rank, of each measure whose percentiles are wanted under its name."""
    names = [f"group_{n + 1}" for n in range(len(asked.groups) or 1)]
    shown = {
        row["rank"]: [row[name] for name in names] for row in found if row["rank"] <= asked.top
    }
    return (
        question.percentiles(asked.percentiles, [shown[rank] for rank in sorted(shown)])
        if shown and asked.percentiles
        else {}
    )


def _names(asked: SummaryQuery, found: list[Row]) -> dict[int, Row]:
    """What each shown rank is: for every dimension the value that a filter wants and the label that
    people know."""
    ranks = {row["rank"]: row for row in found if row["rank"] <= asked.top}
    names: dict[int, Row] = {rank: {} for rank in ranks}
    for number, group in enumerate(asked.groups, 1):
        values = {rank: row[f"group_{number}"] for rank, row in ranks.items()}
        known = labels(group, values.values())
        for rank, value in values.items():
            names[rank][group.value] = {"value": group_value(group, value), "label": known[value]}
    return names


def _aligned(points: list[Row], count: int) -> list[Row]:
    """One row for each bucket; nothing where nothing happened."""
    by_number = {point["number"]: point for point in points}
    return [by_number.get(number, NOTHING | {"number": number}) for number in range(count)]


def _measured(row: Row, percentiles: tuple[str, ...], bins: dict[str, Bins]) -> Row:
    return counted(row) | {
        measure: duration(row, measure, bins.get(measure, {}) if measure in percentiles else None)
        for measure in DURATIONS
    }


def _columns(
    points: list[Row], percentiles: tuple[str, ...] = (), bins: BinsOf | None = None
) -> Row:
    """The measures of points as one list each."""
    told = [
        _measured(point, percentiles, (bins or {}).get((point["number"], point.get("rank", 1)), {}))
        for point in points
    ]
    columns: dict[str, Any] = {
        name: [point[name] for point in told] for name in told[0] if name not in DURATIONS
    }
    for measure in DURATIONS:
        columns[measure] = {
            name: [point[measure][name] for point in told] for name in told[0][measure]
        }
    return columns
