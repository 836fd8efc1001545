"""Failures of a period: by class over time and against the time before, and by class together with
model, credential and client key; sums over all of them, from rollups where these serve.

All raise InvalidQuery, naming the parameter, where events would be needed that were pruned.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from usage.failures.guidance import Guidance, guidance_of
from usage.history.dimensions import MAX_VALUES, Dimension, Filters, Outcome
from usage.history.labels import group_value, labels
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant
from usage.history.summaries import GroupValue
from usage.history.windows import Bucket, Interval, Period
from usage.models.failures import FailureClass

VALUES_SHOWN = 10
_CLASS = Dimension.FAILURE_CLASS


@dataclass(frozen=True)
class ReportQuery:
    """When, and against when; whose and which; how finely the course is cut."""

    period: Period
    before: Interval
    scope: Scope
    filters: Filters
    bucket: Bucket

    @property
    def failures(self) -> Filters:
        """The filters without those attempts that succeeded."""
        values = self.filters.values
        return Filters({Dimension.OUTCOME: (Outcome.FAILED.value,), **values})

    @property
    def crossed(self) -> tuple[Dimension, ...]:
        """What classes are crossed with; whose account served a request is for staff."""
        wanted = (Dimension.MODEL, Dimension.CREDENTIAL, Dimension.KEY)
        return tuple(d for d in wanted if self.scope.sees_everything or not d.is_for_staff)


@dataclass(frozen=True, slots=True)
class ClassCounts:
    """A class: how many failures, how many in the time before, and the same by bucket."""

    failure_class: FailureClass
    count: int
    before: int
    points: Sequence[int]

    @property
    def guidance(self) -> Guidance:
        """What it means and what to do."""
        return guidance_of(self.failure_class)


@dataclass(frozen=True, slots=True)
class Line:
    """The failures of one value of a dimension, by class; of `others` values together where it is
    the rest, which has no name. `values` are what filters accept of it, empty where they are too
    many."""

    name: GroupValue | None
    counts: Counter[str]
    values: Sequence[str]
    others: int = 0

    @property
    def total(self) -> int:
        """The failures of all classes."""
        return self.counts.total()


@dataclass(frozen=True, slots=True)
class Matrix:
    """Classes by the values of a dimension, most failures first, all beyond the first ones as
    one."""

    dimension: Dimension
    lines: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Report:
    """Attempts that the filters accept, how many failed, both in the time before, and why."""

    attempts: int
    failed: int
    attempts_before: int
    failed_before: int
    classes: Sequence[ClassCounts]
    matrices: Sequence[Matrix]
    buckets: Sequence[Interval] = field(repr=False)


def report(query: ReportQuery) -> Report:
    """The failures of the period as of one instant; classes by their failures, most first."""
    with one_instant():
        buckets = list(query.bucket.cut(query.period))
        courses = _courses(query, buckets)
        before = {name: points[0] for name, points in _courses(query, [query.before]).items()}
        attempts = sum(sum(points) for points in courses.values())
        classes = [
            ClassCounts(FailureClass(name), sum(points), before.get(name, 0), points)
            for name, points in courses.items()
            if name
        ]
        return Report(
            attempts,
            sum(counted.count for counted in classes),
            sum(before.values()),
            sum(count for name, count in before.items() if name),
            sorted(classes, key=lambda counted: (-counted.count, counted.failure_class)),
            _matrices(query) if classes else (),
            buckets,
        )


def _courses(query: ReportQuery, intervals: Sequence[Interval]) -> dict[str, list[int]]:
    """Attempts by class and interval; those that succeeded are of the class ''."""
    found: dict[str, list[int]] = {}
    rows = Query(intervals, query.scope, query.filters, (_CLASS,)).sums(("attempts",))
    for row in rows:
        points = found.setdefault(row["group_1"], [0] * len(intervals))
        points[row["number"]] += row["attempts"]
    return found


def _matrices(query: ReportQuery) -> list[Matrix]:
    """All from one reading of what failed, which is little of what there is."""
    groups = (_CLASS, *query.crossed)
    rows = Query([query.period], query.scope, query.failures, groups).crossed_attempts(VALUES_SHOWN)
    return [
        _matrix(dimension, [row for row in rows if row["place"] == place])
        for place, dimension in enumerate(query.crossed, 2)
    ]


def _matrix(dimension: Dimension, rows: list[Row]) -> Matrix:
    counts: dict[str | None, Counter[str]] = {}
    members: dict[str | None, dict[str, None]] = {}
    for row in rows:
        counts.setdefault(row["value"], Counter())[row["group_1"]] += row["attempts"]
        members.setdefault(row["value"], {}).update(dict.fromkeys(row["members"]))
    names = labels(dimension, [value for value in counts if value is not None])
    others = rows[0]["of_values"] - VALUES_SHOWN if rows else 0

    def line(value: str | None) -> Line:
        accepted = [group_value(dimension, member) for member in members[value]]
        named = accepted if len(accepted) <= MAX_VALUES else ()
        if value is None:
            return Line(None, counts[None], named, others)
        return Line(GroupValue(accepted[0], names[value]), counts[value], named)

    return Matrix(dimension, [line(value) for value in counts])
