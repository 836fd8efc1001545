"""Sums and percentiles of usage: any period, filters, up to two groups and buckets, exact over all
rows, at the cost of rollups.

    query --planner--> pieces by source --one SELECT each, summed by group--> UNION ALL --sum,
    rank, name the rest--> rows

Every row stands for one interval (numbered from 0) and one group. Group values are texts: an id, a
text of the event or an outcome, and '' for what was not reported or is nobody's. Where nothing
happened there is no row.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from monitoring.api.instants import iso
from usage.history.dimensions import MAX_VALUES, Dimension, Filters, InvalidQuery
from usage.history.measurement import note_plan
from usage.history.packed import by_place, over_numbers
from usage.history.planner import EVENTS, Piece, Source, plan
from usage.history.scope import Scope
from usage.history.snapshot import Row, once, rows
from usage.history.source_sql import MAXIMA, MEASURES, VALUES, Part
from usage.history.windows import Interval, midnight
from usage.models import COST_KINDS
from usage.rollups.histograms import percentile_bins
from usage.rollups.partitions import events_since
from usage.rollups.tables import readers_calendar_zone

PERCENTILES = (50, 90, 95, 99)
# The number of all intervals together.
WHOLE = -1
# The bin (usage/rollups/histograms.py) of each percentile.
Bins = dict[int, int]
# Of more rows the database adds histograms up, which takes longer, but little memory here.
MOST_ROWS_PACKED = 6_000

# What groups can be ranked by that is no measure itself.
_ORDERS = {"cost_nano_usd": " + ".join(COST_KINDS)}


@dataclass(frozen=True)
class Query:
    """Intervals that follow one another, whose usage, restricted by filters and split by groups."""

    intervals: Sequence[Interval]
    scope: Scope
    filters: Filters = field(default_factory=Filters)
    groups: tuple[Dimension, ...] = ()

    def sums(self, measures: Sequence[str] = MEASURES) -> list[Row]:
        """Columns `number`, `group_1`... and `measures` (of `MEASURES` or `PAID`), by number and
        then by attempts, most first.

        Raises InvalidQuery where events are needed that were pruned, as all queries do.
        """
        planned = self._planned()
        rest = self._grouped(measures, planned)
        order = f"ORDER BY number, attempts DESC, {self._positions(2)}"
        return planned.rows(
            "sums", [part.sums_sql(measures) for part in planned.parts], f"{rest} {order}", {}
        )

    def ranked_sums(self, top: int, order: str) -> list[Row]:
        """Columns `number`, `rank`, `group_1`..., `groups` (how many a row represents, those that
        have nothing in its interval included) and `MEASURES`, by number and rank.

        Groups are ranked by the sum of `order`, a measure or `cost_nano_usd`, over all intervals,
        then by their values; those beyond the `top` are summed in one row with rank `top` + 1.
        """
        planned = self._planned()
        names, ranked = ", ".join(self._names), _ORDERS.get(order, order)
        none = ", ".join("NULL" for _ in self._names)
        # psycopg keeps what it makes of a statement only up to 4,096 characters.
        return planned.rows(
            "ranked_sums",
            [part.sums_sql(MEASURES) for part in planned.parts],
            f"""
            , grouped AS ({self._grouped(MEASURES, planned)}), ranks AS (
                SELECT {names},
                    row_number() OVER (ORDER BY sum({ranked}) DESC NULLS LAST, {names})::int AS rank
                FROM grouped GROUP BY {names}
            ), ranked AS (
                SELECT grouped.*, rank, 1 AS groups FROM grouped JOIN ranks USING ({names})
            )
            SELECT * FROM ranked WHERE rank <= %(top)s
            UNION ALL
            SELECT number, {none}, {_added(MEASURES)}, %(top)s + 1,
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
        shown: Sequence[Sequence[str]] = (("",),),
        *,
        courses: int | None = None,
    ) -> dict[tuple[int, int], dict[str, Bins]]:
        """The bins of `PERCENTILES` of `latency`, `ttft` or both, by number and rank, and by
        measure. With `courses` those of all intervals together, whose number is `WHOLE`, and those
        of each interval for so many ranks alone.

        `shown` are the values of the groups that have a rank of their own, from 1; all others are
        one together.
        """
        planned = self._planned()
        adds_up = self.rows_to_read > MOST_ROWS_PACKED
        found = planned.rows(
            "percentiles",
            [
                part.histograms_sql(measure, number, len(shown), courses, adds_up=adds_up)
                for part in planned.parts
                for number, measure in enumerate(measures)
            ],
            "SELECT * FROM parts",
            {f"shown_{name}": [group[n] for group in shown] for n, name in enumerate(self._names)},
            has_bytes=True,
        )
        histograms = by_place(found)
        if courses is not None:
            whole = over_numbers(histograms)
            histograms |= {(WHOLE, *place): counts for place, counts in whole.items()}
        bins: dict[tuple[int, int], dict[str, Bins]] = {}
        for (number, rank, measure), counts in histograms.items():
            if number is not None:
                of_measures = bins.setdefault((number, rank), {})
                places = percentile_bins(counts, PERCENTILES)
                of_measures[measures[measure]] = dict(zip(PERCENTILES, places, strict=True))
        return bins

    def _grouped(self, measures: Sequence[str], planned: "_Planned") -> str:
        """The SQL of one row for each interval and group."""
        if len(planned.parts) == 1:
            # It has one row for each group already.
            return f"SELECT number, {self._values}, {', '.join(measures)} FROM parts"
        return (
            f"SELECT number, {self._values}, {_added(measures)} FROM parts GROUP BY number,"
            f" {self._positions(2)}"
        )

    @property
    def rows_to_read(self) -> float:
        """About how many rows its sources have, in the measure of the planner."""
        return sum(
            source.rows_an_hour * (piece.end - piece.start) / timedelta(hours=1)
            for source, pieces in self._plan(_calendar()).items()
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

    def _planned(self) -> "_Planned":
        calendar = _calendar()
        planned = self._plan(calendar)
        note_plan(self.intervals, planned)
        return _Planned(
            [
                Part(source, pieces, calendar, self.scope, self.filters, self.groups)
                for source, pieces in planned.items()
            ]
        )

    def _plan(self, calendar: ZoneInfo) -> dict[Source, list[Piece]]:
        return plan(self.intervals, self.dimensions, calendar)


@dataclass(frozen=True)
class _Planned:
    """The sources of a query."""

    parts: list[Part]

    def rows(
        self,
        name: str,
        parts: Sequence[str],
        rest: str,
        parameters: dict[str, object],
        *,
        has_bytes: bool = False,
    ) -> list[Row]:
        """The rows of `rest` over `parts`, whose SQL may be followed by more of WITH."""
        if not self.parts:
            return []
        self._refuse_pruned()
        parameters |= {"owner": self.parts[0].scope.owner_id, **self.parts[0].filters.parameters}
        for part in self.parts:
            parameters |= part.parameters
        statement = f"WITH parts AS ({' UNION ALL '.join(parts)}) {rest}"
        found = rows(f"history.{name}", statement, parameters, has_bytes=has_bytes)
        # A pruning meanwhile may have taken events away.
        self._refuse_pruned()
        return found

    def _refuse_pruned(self) -> None:
        for part in self.parts:
            if part.source is EVENTS:
                _refuse_pruned(part.pieces, part.calendar)


def _calendar() -> ZoneInfo:
    return ZoneInfo(once("calendar", readers_calendar_zone))


def _added(measures: Iterable[str]) -> str:
    return ", ".join(
        f"max({name}) AS {name}" if name in MAXIMA else f"usage_sum({name}) AS {name}"
        for name in measures
    )


def _refuse_pruned(pieces: Sequence[Piece], calendar: ZoneInfo) -> None:
    """Raise InvalidQuery if events are needed of a time whose events were pruned, and there were
    any."""
    since = once("events since", events_since)
    if since is None or pieces[0].start >= since:
        return
    first = _first_day()
    if first and any(
        piece.start < since and piece.end > midnight(first, calendar) for piece in pieces
    ):
        oldest = iso(since, "minutes")
        raise InvalidQuery(
            {
                "from": (
                    f"expected not before {oldest}, as older events were dropped and what is"
                    " kept of them is not exact enough for this: choose whole days in"
                    f" {calendar.key}, or fewer dimensions"
                )
            }
        )


def _first_day() -> Any:
    return rows("history.first_day", "SELECT min(bucket) AS day FROM usage_usagedailyoverall", {})[
        0
    ]["day"]
