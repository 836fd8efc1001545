"""Sums and percentiles of usage: any period, filters, up to two groups and buckets, exact over all rows, at the cost of rollups.

    question --planner--> pieces by source --one SELECT each, summed by group--> UNION ALL --sum, rank, name the rest--> rows

Every row stands for one interval (numbered from 0) and one group; the groups beyond the `top` are summed in one row with
rank `top` + 1. Group values are texts: an id, a text of the event or an outcome, and '' for what was not reported or is
nobody's. Where nothing happened there is no row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from usage.dimensions import Dimension, Filters, InvalidQuery
from usage.partitions import events_since
from usage.planner import EVENTS, Piece, Source, plan
from usage.reading import Row, rows
from usage.rollups import readers_calendar_zone
from usage.scope import Scope
from usage.source_sql import MAXIMA, SUMS, Part
from usage.windows import Interval, midnight

PERCENTILES = (50, 90, 95, 99)
_EVERY_GROUP = 2**31 - 2

_ID = "coalesce(nullif({}, 0)::text, '')"
_TOLD = {
    # Filters know upstreams by name.
    Dimension.UPSTREAM: "(SELECT o.name FROM management_proxy_upstream AS o WHERE o.id = {})",
    Dimension.USER: _ID, Dimension.KEY: _ID, Dimension.CREDENTIAL: _ID,
    Dimension.OUTCOME: "CASE WHEN {} THEN 'failed' ELSE 'succeeded' END",
}  # fmt: skip
_SUMS = ", ".join([*(f"sum({name})::bigint AS {name}" for name in SUMS), *(f"max({name}) AS {name}" for name in MAXIMA)])


@dataclass(frozen=True)
class Question:
    """What is asked: intervals that follow one another, whose usage, restricted by filters and told apart by groups."""

    intervals: Sequence[Interval]
    scope: Scope
    filters: Filters = field(default_factory=Filters)
    groups: tuple[Dimension, ...] = ()

    def sums(self, top: int = _EVERY_GROUP, order: str = "attempts") -> list[Row]:
        """Columns `number`, `rank`, `group_1`..., `groups` (how many a row stands for), `SUMS` and `MAXIMA`, by number and rank.

        Groups are ranked by the sum of `order` over all intervals, then by their values. Raises InvalidQuery where events
        are needed that were pruned.
        """
        names = ", ".join(self._names)
        shown = ", ".join(f"CASE WHEN rank <= %(top)s THEN {name} END AS {name}" for name in self._names)
        return self._answer(
            "sums",
            Part.sums_sql,
            f"""
            grouped AS (SELECT number, {self._told}, {_SUMS} FROM parts GROUP BY number, {self._positions(2)}),
            ranks AS (SELECT {names}, row_number() OVER (ORDER BY sum({order}) DESC NULLS LAST, {names}) AS rank FROM grouped GROUP BY {names})
            SELECT number, least(rank, %(top)s + 1)::int AS rank, {shown}, count(*)::int AS groups, {_SUMS}
            FROM grouped JOIN ranks USING ({names}) GROUP BY number, 2, {self._positions(3)} ORDER BY number, 2
            """,
            {"top": top},
        )

    def percentiles(self, measure: str, shown: Sequence[Sequence[str]] = (("",),)) -> list[Row]:
        """The bins of `PERCENTILES` of `latency` or `ttft` as `p50`..., by `number` and `rank`.

        `shown` are the values of the groups that have a rank of their own, from 1; all others are told together.
        """
        names = ", ".join(self._names)
        values = ", ".join(f"%(shown_{name})s::text[]" for name in self._names)
        places = ", ".join(f"min(bin) FILTER (WHERE seen * 100 >= n * {p}) AS p{p}" for p in PERCENTILES)
        return self._answer(
            "percentiles",
            lambda part: part.bins_sql(measure),
            f"""
            told AS (SELECT number, {self._told}, bin, n FROM parts),
            bins AS (
                SELECT number, coalesce(rank, {len(shown) + 1})::int AS rank, bin, sum(n) AS n
                FROM told LEFT JOIN unnest({values}) WITH ORDINALITY AS shown ({names}, rank) USING ({names}) GROUP BY 1, 2, 3
            ),
            counted AS (
                SELECT number, rank, bin, sum(n) OVER (PARTITION BY number, rank) AS n, sum(n) OVER (PARTITION BY number, rank ORDER BY bin) AS seen
                FROM bins
            )
            SELECT number, rank, {places} FROM counted GROUP BY number, rank
            """,
            {f"shown_{name}": [group[n] for group in shown] for n, name in enumerate(self._names)},
        )

    @property
    def dimensions(self) -> frozenset[Dimension]:
        """Every dimension that a source must have to answer."""
        own = frozenset() if self.scope.sees_everything else frozenset({Dimension.KEY})
        return self.filters.dimensions | frozenset(self.groups) | own

    @property
    def _names(self) -> list[str]:
        """Without groups there is one, whose value is ''."""
        return [f"group_{n + 1}" for n in range(len(self.groups) or 1)]

    @property
    def _told(self) -> str:
        told = [f"{_TOLD.get(group, '{}').format(name)} AS {name}" for name, group in zip(self._names, self.groups, strict=False)]
        return ", ".join(told or ["''::text AS group_1"])

    def _positions(self, first: int) -> str:
        return ", ".join(str(first + n) for n in range(len(self._names)))

    def _answer(self, name: str, of_part: Callable[[Part], str], rest: str, parameters: dict[str, Any]) -> list[Row]:
        calendar = ZoneInfo(readers_calendar_zone())
        planned = plan(self.intervals, self.dimensions, calendar)
        _refuse_pruned(planned, calendar)
        parts = [Part(source, pieces, calendar, self.scope, self.filters, self.groups) for source, pieces in planned.items()]
        parameters |= {"owner": self.scope.owner_id, **self.filters.parameters}
        for part in parts:
            parameters |= part.parameters
        found = rows(f"history.{name}", f"WITH parts AS ({' UNION ALL '.join(map(of_part, parts))}), {rest}", parameters)
        # A pruning meanwhile may have taken events away.
        _refuse_pruned(planned, calendar)
        return found


def _refuse_pruned(planned: dict[Source, list[Piece]], calendar: ZoneInfo) -> None:
    """Raise InvalidQuery if events are needed of a time whose events were pruned, and there were any."""
    pieces = planned.get(EVENTS)
    since = events_since() if pieces else None
    if not pieces or since is None or pieces[0].start >= since:
        return
    first = _first_day()
    if first and any(piece.start < since and piece.end > midnight(first, calendar) for piece in pieces):
        raise InvalidQuery({"from": f"expected not before {_told(since)}, as older events were dropped and what is kept of them cannot answer this exactly: "
                            f"ask for whole days in {calendar.key}, or by fewer dimensions"})  # fmt: skip


def _first_day() -> Any:
    return rows("history.first_day", "SELECT min(bucket) AS day FROM usage_usagedailyoverall", {})[0]["day"]


def _told(instant: datetime) -> str:
    return instant.isoformat(timespec="minutes").replace("+00:00", "Z")
