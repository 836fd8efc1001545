"""Sums and percentiles of usage: any period, filters, up to two groups and buckets, exact over all
rows, at the cost of rollups.

    query --planner--> pieces by source --one SELECT each, summed by group--> UNION ALL --sum,
    rank, name the rest--> rows

Every row stands for one interval (numbered from 0) and one group. Group values are texts: an id, a
text of the event or an outcome, and '' for what was not reported or is nobody's. Where nothing
happened there is no row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings

from usage.history.dimensions import MAX_VALUES, Dimension, Filters
from usage.history.histograms.packed import Counts, Place, by_place
from usage.history.histograms.tally import NOTHING, Bins, Tally, tally, with_whole
from usage.history.measurement import note_plan
from usage.history.past.kept import kept
from usage.history.past.ranking import ranked
from usage.history.past.rows import joined
from usage.history.past.split import Past, split
from usage.history.planned import Planned, calendar
from usage.history.planner import Piece, Source, plan
from usage.history.scope import Scope
from usage.history.snapshot import Row
from usage.history.source_sql import MEASURES, VALUES, Part, added_sql
from usage.history.windows import Interval
from usage.models import COST_KINDS

# Of more rows the database adds histograms up, which takes longer, but little memory here.
MOST_ROWS_PACKED = 6_000
# Of fewer rows days that are over are read each time, which is as quick as finding them cached.
_LEAST_SUMS_KEPT, _LEAST_RANKED_KEPT, _LEAST_HISTOGRAMS_KEPT = 1_000, 400, 50
# Of more rows the database makes sums and ranks each time.
_MOST_SUMS_KEPT = 2_000
_NAMED = frozenset({Dimension.UPSTREAM, Dimension.USER})
T = TypeVar("T")
# Values of the groups of a query, each as texts.
Values = Sequence[Sequence[str]]

# What groups can be ranked by that is no measure itself.
_ORDERS = {"cost_nano_usd": COST_KINDS}


@dataclass(frozen=True)
class Query:
    """Intervals that follow one another, whose usage, restricted by filters and split by groups."""

    intervals: Sequence[Interval]
    scope: Scope
    filters: Filters = field(default_factory=Filters)
    groups: tuple[Dimension, ...] = ()

    def sums(self, measures: Sequence[str] = MEASURES, shown: Values | None = None) -> list[Row]:
        """Columns `number`, `group_1`... and `measures` (of `MEASURES` or `PAID`), by number and
        then by attempts, most first; of some values of the groups alone, if there are `shown`.

        Raises InvalidQuery where events are needed that were pruned, as all queries do.
        """
        past = self._past(_LEAST_SUMS_KEPT)
        if past is None:
            return self._sums(measures, shown)
        wanted = measures, shown
        return self._joined(past, wanted, lambda part: part._sums(*wanted)) or []

    def _joined(
        self, past: Past, wanted: object, read: "Callable[[Query], list[Row] | None]"
    ) -> list[Row] | None:
        """The rows of days that are over, maybe from the cache, with those of later ones; None
        where `read` returns none of either."""
        over, later = (replace(self, intervals=part) for part in (past.over, past.later))
        held = self._kept("sums", wanted, past, lambda: read(over))
        rows = None if held is None else read(later)
        return None if held is None or rows is None else joined(held, rows, self._names)

    def _sums(
        self, measures: Sequence[str], shown: Values | None = None, *, limit: int | None = None
    ) -> list[Row]:
        planned, is_restricted = self._planned(), shown is not None
        rest = self._grouped(measures, planned)
        order = f"ORDER BY number, attempts DESC, {self._positions(2)} LIMIT %(limit)s"
        return planned.rows(
            "sums",
            [part.sums_sql(measures, only_shown=is_restricted) for part in planned.parts],
            f"{rest} {order}",
            {"limit": limit, **self._shown(shown or ())},
        )

    def _few_sums(self) -> list[Row] | None:
        """All measures; None if they have too many rows to keep."""
        found = self._sums(MEASURES, limit=_MOST_SUMS_KEPT + 1)
        return found if len(found) <= _MOST_SUMS_KEPT else None

    def ranked_sums(self, top: int, order: str) -> list[Row]:
        """Columns `number`, `rank`, `group_1`..., `groups` (how many a row represents, those that
        have nothing in its interval included) and `MEASURES`, by number and rank.

        Groups are ranked by the sum of `order`, a measure or `cost_nano_usd`, over all intervals,
        then by their values; those beyond the `top` are summed in one row with rank `top` + 1.
        """
        columns = _ORDERS.get(order, (order,))
        past = self._past(_LEAST_RANKED_KEPT)
        if past and (sums := self._joined(past, "few", Query._few_sums)) is not None:
            return ranked(sums, self._names, top, columns)
        planned = self._planned()
        names, size = ", ".join(self._names), " + ".join(columns)
        none = ", ".join("NULL" for _ in self._names)
        # psycopg keeps what it makes of a statement only up to 4,096 characters.
        return planned.rows(
            "ranked_sums",
            [part.sums_sql(MEASURES) for part in planned.parts],
            f"""
            , grouped AS ({self._grouped(MEASURES, planned)}), ranks AS (
                SELECT {names},
                    row_number() OVER (ORDER BY sum({size}) DESC NULLS LAST, {names})::int AS rank
                FROM grouped GROUP BY {names}
            ), ranked AS (
                SELECT grouped.*, rank, 1 AS groups FROM grouped JOIN ranks USING ({names})
            )
            SELECT * FROM ranked WHERE rank <= %(top)s
            UNION ALL
            SELECT number, {none}, {added_sql(MEASURES)}, %(top)s + 1,
                (SELECT count(*)::int FROM ranks WHERE rank > %(top)s)
            FROM ranked WHERE rank > %(top)s GROUP BY number
            ORDER BY number, rank
            """,
            {"top": top},
        )

    def crossed_attempts(self, top: int) -> list[Row]:
        """Attempts of each value of the first group by the values of each other group: columns
        `place` of that group (from 2), `rank`, `value`, `of_values` (how many values it has),
        `group_1`, `attempts` and `members` (which values these are, at most `MAX_VALUES` + 1), by
        place and rank.

        Values are ranked by their attempts, then by themselves; those beyond the `top` are together
        one without a value. What has no first group is left out.
        """
        planned = self._planned()
        places = ", ".join(f"({n}, group_{n})" for n in range(2, len(self.groups) + 1))
        return planned.rows(
            "crossed_attempts",
            [part.sums_sql(("attempts",)) for part in planned.parts],
            f"""
            , grouped AS ({self._grouped(("attempts",), planned)}), crossed AS (
                SELECT place, value, group_1, sum(attempts)::bigint AS attempts
                FROM grouped, LATERAL (VALUES {places}) AS other (place, value)
                WHERE group_1 <> '' GROUP BY 1, 2, 3
            ), ranks AS (
                SELECT place, value, count(*) OVER (PARTITION BY place)::int AS of_values,
                    row_number() OVER (
                        PARTITION BY place ORDER BY sum(attempts) DESC, value COLLATE "C"
                    ) AS rank
                FROM crossed GROUP BY 1, 2
            )
            SELECT place, least(rank, %(top)s + 1)::int AS rank,
                CASE WHEN rank <= %(top)s THEN value END AS value, of_values, group_1,
                sum(attempts)::bigint AS attempts,
                (array_agg(value ORDER BY rank))[1:{MAX_VALUES + 1}] AS members
            FROM crossed JOIN ranks USING (place, value) GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2
            """,
            {"top": top},
        )

    def percentiles(
        self,
        measures: Sequence[str],
        shown: Values = (("",),),
        *,
        courses: int | None = None,
    ) -> dict[tuple[int, int], dict[str, Bins]]:
        """The bins of `PERCENTILES` of `latency`, `ttft` or both, by number and rank, and by
        measure. With `courses` those of all intervals together, whose number is `WHOLE`, and those
        of each interval for so many ranks alone.

        `shown` are the values of the groups that have a rank of their own, from 1; all others are
        one together.
        """
        bins: dict[tuple[int, int], dict[str, Bins]] = {}
        for place, found in self._picked(measures, shown, courses).items():
            number, rank, measure = place
            if number is not None:
                bins.setdefault((number, rank), {})[measures[measure]] = found
        return bins

    def _picked(self, *wanted: Any) -> dict[Place, Bins]:
        """The bins of percentiles; those of days that are over may come from the cache."""
        past = self._past(_LEAST_HISTOGRAMS_KEPT)
        if past is None:
            return NOTHING.added(self._histograms(*wanted))

        def read() -> Tally:
            found = replace(self, intervals=past.over)._histograms(*wanted)
            return tally(found, past.count_over)

        held = self._kept("percentiles", wanted, past, read)
        return held.added(replace(self, intervals=past.later)._histograms(*wanted))

    def _histograms(
        self, measures: Sequence[str], shown: Values, courses: int | None
    ) -> dict[Place, Counts]:
        planned = self._planned()
        adds_up = self.rows_to_read > MOST_ROWS_PACKED
        rows = planned.rows(
            "percentiles",
            [
                part.histograms_sql(measure, number, len(shown), courses, adds_up=adds_up)
                for part in planned.parts
                for number, measure in enumerate(measures)
            ],
            "SELECT * FROM parts",
            self._shown(shown),
            has_bytes=True,
        )
        found = by_place(rows)
        return found if courses is None else with_whole(found)

    def _shown(self, shown: Values) -> dict[str, object]:
        return {
            f"shown_{name}": [group[n] for group in shown] for n, name in enumerate(self._names)
        }

    def _past(self, least_rows: int) -> Past | None:
        """What of it lies in days that are over, if it has at least so many rows to read."""
        past = split(self.intervals, calendar()) if settings.HISTORY_CACHE_SECONDS else None
        if past is None:
            return None
        # One stands for all: planning hundreds of hours takes as long as reading some days.
        middle = past.over[len(past.over) // 2]
        rows = len(past.over) * replace(self, intervals=[middle]).rows_to_read
        return past if rows >= least_rows else None

    def _kept(self, kind: str, wanted: object, past: Past, read: Callable[[], T]) -> T:
        note_plan(self.intervals, ())
        owner = None if self.scope.sees_everything else self.scope.owner_id
        which = calendar().key, past.over, self.filters.query, self.groups, owner
        depends_on_names = owner is not None or bool(self.dimensions & _NAMED)
        days = past.first, past.after
        return kept((kind, wanted, which), *days, read, depends_on_names=depends_on_names)

    def _grouped(self, measures: Sequence[str], planned: Planned) -> str:
        """The SQL of one row for each interval and group."""
        if len(planned.parts) == 1:
            # It has one row for each group already.
            return f"SELECT number, {self._values}, {', '.join(measures)} FROM parts"
        return (
            f"SELECT number, {self._values}, {added_sql(measures)} FROM parts GROUP BY number,"
            f" {self._positions(2)}"
        )

    @property
    def rows_to_read(self) -> float:
        """About how many rows its sources have, in the measure of the planner."""
        return sum(
            source.rows_an_hour * (piece.end - piece.start) / timedelta(hours=1)
            for source, pieces in self._plan().items()
            for piece in pieces
        )

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """Every dimension that a source must have."""
        own = frozenset() if self.scope.sees_everything else frozenset({Dimension.KEY})
        return self.filters.dimensions | frozenset(self.groups) | own

    @property
    def _names(self) -> list[str]:
        """Without groups there is one, whose value is ''."""
        return [f"group_{n + 1}" for n in range(len(self.groups) or 1)]

    @property
    def _values(self) -> str:
        values = [
            f"{VALUES.get(group, '{}').format(name)} AS {name}"
            for name, group in zip(self._names, self.groups, strict=False)
        ]
        return ", ".join(values or ["''::text AS group_1"])

    def _positions(self, first: int) -> str:
        return ", ".join(str(first + n) for n in range(len(self._names)))

    def _planned(self) -> Planned:
        planned = self._plan()
        note_plan(self.intervals, planned)
        return Planned(
            [
                Part(source, pieces, calendar(), self.scope, self.filters, self.groups)
                for source, pieces in planned.items()
            ]
        )

    def _plan(self) -> dict[Source, list[Piece]]:
        return plan(self.intervals, self.dimensions, calendar())
