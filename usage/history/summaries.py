"""Usage of a period: its totals, its course by bucket, and its largest groups.

All raise InvalidQuery, naming the parameter, where a query would need events that were pruned.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from usage.history.dimensions import Dimension, Filters
from usage.history.histograms.tally import WHOLE, Bins
from usage.history.labels import group_value, labels
from usage.history.measures import DURATIONS, NOTHING, Measures, added, measures
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant
from usage.history.windows import Bucket, Interval, Period

# Bins of percentiles by number of the interval and rank of the group, and by measure.
BinsOf = dict[tuple[int, int], dict[str, Bins]]


@dataclass(frozen=True)
class SummaryQuery:
    """When, whose, which; how finely, and how groups are ranked."""

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

    def over(self, intervals: Sequence[Interval], groups: tuple[Dimension, ...] = ()) -> Query:
        """The query of some intervals."""
        return Query(intervals, self.scope, self.filters, groups)


@dataclass(frozen=True)
class Totals:
    """What was used in a period."""

    period: Period
    measures: Measures


@dataclass(frozen=True)
class Summary:
    """Totals with percentiles, the same without by bucket, and the totals of the period before if
    they were requested."""

    totals: Measures
    points: Sequence[Measures]
    previous: Totals | None


# Without slots, with which the cache would take several times as long to pickle them.
@dataclass(frozen=True)
class GroupValue:
    """The value of a dimension as its filter takes it, and as people know it."""

    value: str
    label: str


# What a group is: one value for each dimension of the query.
GroupName = dict[Dimension, GroupValue]


@dataclass(frozen=True)
class Course:
    """What a group used, by bucket."""

    name: GroupName
    points: Sequence[Measures]


@dataclass(frozen=True)
class Series:
    """The largest groups by bucket, largest first, and all others together, if there are any."""

    groups: Sequence[Course]
    rest: Sequence[Measures] | None


@dataclass(frozen=True)
class Group:
    """What a group used."""

    name: GroupName
    measures: Measures


@dataclass(frozen=True)
class Rest:
    """How many groups are beyond the largest, and what they used together."""

    groups: int
    measures: Measures


@dataclass(frozen=True)
class Breakdown:
    """The largest groups, largest first, all others together, if there are any, and everything."""

    groups: Sequence[Group]
    rest: Rest | None
    totals: Measures


@dataclass(frozen=True)
class Split:
    """A group, or `others` groups together, which have no name: what it used in the period, and in
    each bucket, if that was wanted."""

    name: GroupName
    others: int
    totals: Measures
    points: Sequence[Measures]


def summary(query: SummaryQuery) -> Summary:
    """What was used in the period and in each of its buckets."""
    with one_instant():
        buckets = query.buckets
        points = query.over(buckets).sums()
        return Summary(
            _totals(query, query.period, added(points)),
            _points(points, len(buckets)),
            _previous(query) if query.compares else None,
        )


def _previous(query: SummaryQuery) -> Totals:
    period = query.period.previous
    return Totals(period, _totals(query, period, added(query.over([period]).sums())))


def _totals(query: SummaryQuery, period: Period, row: Row) -> Measures:
    bins = query.over([period]).percentiles(DURATIONS)
    return measures(row, DURATIONS, bins.get((0, 1)))


def series(query: SummaryQuery) -> Series:
    """What the largest groups used in each bucket."""
    with one_instant():
        buckets = query.buckets
        over_buckets = query.over(buckets, query.groups)
        found = over_buckets.ranked_sums(query.top, query.order)
        bins = _bins(query, over_buckets, found)
        points = {
            rank: _points(rows, len(buckets), query.percentiles, bins)
            for rank, rows in _by_rank(found)
        }
        names = _names(query, found)
        groups = [Course(names[rank], points[rank]) for rank in points if rank <= query.top]
        return Series(groups, points.get(query.top + 1))


def whole(query: SummaryQuery) -> Split | None:
    """What was used in the period and in each of its buckets, read at once; None for nothing."""
    with one_instant():
        buckets = query.buckets
        over_buckets = query.over(buckets)
        found = over_buckets.sums()
        if not found:
            return None
        bins = over_buckets.percentiles(query.percentiles, courses=1)
        totals = measures(added(found), query.percentiles, bins.get((WHOLE, 1)))
        return Split({}, 0, totals, _points(found, len(buckets), query.percentiles, bins))


def split(query: SummaryQuery, courses: int) -> list[Split]:
    """What the largest groups used, largest first, and all others together as the last, if there
    are any; the first `courses` of the largest by bucket as well."""
    with one_instant():
        buckets = query.buckets
        over_buckets = query.over(buckets, query.groups)
        found = query.over([query.period], query.groups).ranked_sums(query.top, query.order)
        bins = _bins(query, over_buckets, found, courses)
        names = _names(query, found)
        points = {
            rank: _points(rows, len(buckets), query.percentiles, bins)
            for rank, rows in _courses(over_buckets, found[:courses]).items()
            if rank <= query.top
        }
        return [
            Split(
                names.get(row["rank"], {}),
                row["groups"] if row["rank"] > query.top else 0,
                measures(row, query.percentiles, bins.get((WHOLE, row["rank"]))),
                points.get(row["rank"], ()),
            )
            for row in found
        ]


def _courses(over_buckets: Query, found: list[Row]) -> dict[int, list[Row]]:
    """The rows by bucket of the groups of these rows, by their ranks."""
    names = [f"group_{n + 1}" for n in range(len(over_buckets.groups))]
    ranks = {tuple(row[name] for name in names): row["rank"] for row in found}
    rows: dict[int, list[Row]] = {rank: [] for rank in ranks.values()}
    for row in over_buckets.sums(shown=list(ranks)) if ranks else ():
        rank = ranks[tuple(row[name] for name in names)]
        rows[rank].append(row | {"rank": rank})
    return rows


def breakdown(query: SummaryQuery) -> Breakdown:
    """What the largest groups used in the period."""
    with one_instant():
        over_period = query.over([query.period], query.groups)
        found = over_period.ranked_sums(query.top, query.order)
        bins = _bins(query, over_period, found)
        names = _names(query, found)
        groups, rest = [], None
        for row in found:
            measured = measures(row, query.percentiles, bins.get((0, row["rank"])))
            if row["rank"] <= query.top:
                groups.append(Group(names[row["rank"]], measured))
            else:
                rest = Rest(row["groups"], measured)
        return Breakdown(groups, rest, measures(added(found)))


def _by_rank(found: list[Row]) -> list[tuple[int, list[Row]]]:
    rows: dict[int, list[Row]] = {}
    for row in found:
        rows.setdefault(row["rank"], []).append(row)
    return sorted(rows.items())


def _bins(
    query: SummaryQuery, grouped: Query, found: list[Row], courses: int | None = None
) -> BinsOf:
    """Bins by interval and rank, of each measure whose percentiles are wanted under its name."""
    names = [f"group_{n + 1}" for n in range(len(query.groups) or 1)]
    shown = {
        row["rank"]: [row[name] for name in names] for row in found if row["rank"] <= query.top
    }
    if not shown or not query.percentiles:
        return {}
    values = [shown[rank] for rank in sorted(shown)]
    return grouped.percentiles(query.percentiles, values, courses=courses)


def _names(query: SummaryQuery, found: list[Row]) -> dict[int, GroupName]:
    ranks = {row["rank"]: row for row in found if row["rank"] <= query.top}
    names: dict[int, GroupName] = {rank: {} for rank in ranks}
    for number, dimension in enumerate(query.groups, 1):
        values = {rank: row[f"group_{number}"] for rank, row in ranks.items()}
        known = labels(dimension, values.values())
        for rank, value in values.items():
            names[rank][dimension] = GroupValue(group_value(dimension, value), known[value])
    return names


def _points(
    rows: list[Row], count: int, percentiles: Sequence[str] = (), bins: BinsOf | None = None
) -> list[Measures]:
    """The measures of each bucket, where nothing happened too."""
    points = [measures(NOTHING, percentiles)] * count
    for row in rows:
        place = row["number"], row.get("rank", 1)
        points[row["number"]] = measures(row, percentiles, (bins or {}).get(place))
    return points
