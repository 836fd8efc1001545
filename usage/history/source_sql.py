"""Selecting from one source the sums or the histograms of its pieces, by the number of the interval
and by group.

Rows are `number`, one column `group_1`... for each group, and the measures. Client keys and
credentials that an event or a rollup has not are NULL or 0 here, and are summed as one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from usage.history.dimensions import Dimension, Filters
from usage.history.histograms.packed import packed_sql
from usage.history.planner import EVENTS, Piece, Source, Unit
from usage.history.scope import Scope
from usage.models import COST_KINDS
from usage.rollups.histograms import BIN_SQL
from usage.rollups.tables import COST_SUMS, TOKEN_SUMS, cost_sql, costs_of_event

COSTS = (*COST_SUMS, "priced", "failed_cost")
COUNTS = (
    "attempts",
    "requests",
    "failed",
    *TOKEN_SUMS,
    *COSTS,
    "generated_tokens",
    "generation_ms",
)
SUMS = (*COUNTS, "latency_count", "latency_sum_ms", "ttft_count", "ttft_sum_ms")
MAXIMA = ("latency_max_ms", "ttft_max_ms")
MEASURES = (*SUMS, *MAXIMA)
# The kinds of cost together, for results that have many rows and no kinds; no part of `MEASURES`.
PAID = "paid"
# More stretches of time than this are read as one, and what lies between them thrown away.
_MOST_STRETCHES = 400

_OF_ROLLUPS = {
    # The kinds are NULL together.
    PAID: f"usage_sum({' + '.join(f'u.{name}' for name in COST_KINDS)})",
    **{name: f"usage_sum(u.{name})" for name in SUMS},
    **{name: f"max(u.{name})" for name in MAXIMA},
}
_OF_EVENTS = {
    PAID: f"usage_sum({cost_sql('u')})",
    "attempts": "count(*)",
    "requests": "count(*) FILTER (WHERE u.is_first_attempt)",
    "failed": "count(*) FILTER (WHERE s.failed)",
    **{name: f"usage_sum(u.{name})" for name in TOKEN_SUMS},
    **{name: f"usage_sum({sql})" for name, sql in costs_of_event("u", "s").items()},
    "generated_tokens": (
        "coalesce(sum(coalesce(u.non_reasoning_output_tokens, 0) + coalesce(u.reasoning_tokens, 0))"
        " FILTER (WHERE NOT s.failed), 0)::bigint"
    ),
    "generation_ms": "coalesce(sum(u.latency_ms) FILTER (WHERE NOT s.failed), 0)::bigint",
    **{f"{m}_count": f"count(*) FILTER (WHERE u.{m}_ms > 0)" for m in ("latency", "ttft")},
    **{f"{m}_sum_ms": f"coalesce(sum(u.{m}_ms), 0)::bigint" for m in ("latency", "ttft")},
    **{f"{m}_max_ms": f"coalesce(max(u.{m}_ms), 0)" for m in ("latency", "ttft")},
}
_GROUPED = {
    Dimension.UPSTREAM: "s.upstream_id",
    Dimension.USER: "k.owner_id",
    Dimension.KEY: "u.client_key_id",
    Dimension.CREDENTIAL: "u.credential_id",
    Dimension.OUTCOME: "s.failed",
}
_ID = "coalesce(nullif({}, 0)::text, '')"
# The text of a value `{}` that a source groups by, where that is no text itself.
VALUES = {
    # Filters know upstreams by name.
    Dimension.UPSTREAM: "(SELECT o.name FROM management_proxy_upstream AS o WHERE o.id = {})",
    Dimension.USER: _ID,
    Dimension.KEY: _ID,
    Dimension.CREDENTIAL: _ID,
    Dimension.OUTCOME: "CASE WHEN {} THEN 'failed' ELSE 'succeeded' END",
}

# Side by side in the list, both are unnested together; as a function in FROM they would cost half
# as much again. OFFSET keeps number and rank from being found once a bin.
_UNNESTED = (
    "SELECT number, rank, unnest(bins) AS bin, unnest(counts) AS n FROM ({} OFFSET 0) AS each_row"
)
_ADDED_UP = (
    "SELECT number, rank, array_agg(bin) AS bins, array_agg(n) AS counts FROM (SELECT number, rank,"
    " bin, sum(n)::int AS n FROM ({}) AS each_bin GROUP BY 1, 2, 3) AS each_sum GROUP BY 1, 2"
)


def added_sql(measures: Sequence[str]) -> str:
    """The aggregates that add up rows of measures."""
    return ", ".join(
        f"max({name}) AS {name}" if name in MAXIMA else f"usage_sum({name}) AS {name}"
        for name in measures
    )


def _grouped(group: Dimension) -> str:
    return _GROUPED.get(group, f"s.{group.value}")


@dataclass(frozen=True)
class Part:
    """The pieces that one source covers, and the query of it."""

    source: Source
    pieces: Sequence[Piece]
    calendar: ZoneInfo
    scope: Scope
    filters: Filters
    groups: tuple[Dimension, ...]

    def sums_sql(self, measures: Sequence[str], *, only_shown: bool = False) -> str:
        """Some columns of `MEASURES`, by number and groups; of the values of groups in the
        parameters `shown_group_1`... alone, if that is wanted."""
        shown = self._shown.removeprefix("LEFT ") if only_shown else ""
        of_source = _OF_EVENTS if self.source is EVENTS else _OF_ROLLUPS
        columns = ", ".join(f"{of_source[name]} AS {name}" for name in measures)
        return (
            f"SELECT {self._labels}, {columns} FROM {self._from} {shown} WHERE {self._where} GROUP"
            f" BY {self._numbers}"
        )

    def days_sql(self, columns: Sequence[str]) -> str:
        """The days of a daily source on which anything happened: `day`, `attempts`, and the values
        of some columns as lists."""
        values = ", ".join(f"array_agg(DISTINCT u.{column}) AS {column}" for column in columns)
        return (
            f"SELECT u.bucket AS day, sum(u.attempts)::bigint AS attempts, {values} FROM"
            f" {self._from} WHERE {self._where} GROUP BY 1"
        )

    def histograms_sql(
        self, measure: str, called: int, shown: int, courses: int | None, *, adds_up: bool
    ) -> str:
        """The histograms of `latency` or `ttft`: `measure` as it is called, `number`, `rank`, and
        packed (usage/history/histograms/packed.py) the `bins` and `counts` of all rows, or with
        `adds_up` each bin once.

        The values of groups in the parameters `shown_group_1`... have ranks from 1 to `shown`, all
        others are one together. With `courses` numbers are NULL beyond so many ranks.
        """
        rank, number = "1", self._number
        if self.groups:
            rank = f"coalesce(shown.rank, {shown + 1})"
            if courses is not None:
                number = f"CASE WHEN shown.rank <= {courses} THEN {number} END"
        names = f"SELECT {number} AS number, {rank} AS rank"
        rows = f"FROM {self._from} {self._shown} WHERE {self._where}"
        if self.source is EVENTS:
            each_bin = f"{BIN_SQL.format(f'u.{measure}_ms')} AS bin, 1 AS n"
            each = _ADDED_UP.format(f"{names}, {each_bin} {rows} AND u.{measure}_ms > 0")
        else:
            each = f"{names}, u.{measure}_bins AS bins, u.{measure}_counts AS counts {rows}"
            if adds_up:
                each = _ADDED_UP.format(_UNNESTED.format(each))
        return (
            f"SELECT {called} AS measure, number, rank, {packed_sql('bins')} AS bins,"
            f" {packed_sql('counts')} AS counts FROM ({each}) AS each_row GROUP BY 2, 3"
        )

    @property
    def parameters(self) -> dict[str, object]:
        """The parameters of both, named after the source."""
        prefix = self.source.name
        ranges = {
            f"{prefix}_{edge}_{n}": value
            for n, stretch in enumerate(self._stretches)
            for edge, value in zip(("from", "to"), stretch, strict=True)
        }
        if self._step:
            return {f"{prefix}_first": self._bounds[0][0], **ranges}
        return {
            f"{prefix}_edges": [edge for bounds in self._bounds for edge in bounds],
            f"{prefix}_numbers": [piece.number for piece in self.pieces],
            **ranges,
        }

    @property
    def _labels(self) -> str:
        groups = [f"{_grouped(group)} AS group_{n}" for n, group in enumerate(self.groups, 1)]
        return ", ".join([f"{self._number} AS number", *groups])

    @property
    def _shown(self) -> str:
        """The join that finds the rank of a row's group."""
        if not self.groups:
            return ""
        names = [f"group_{n}" for n in range(1, len(self.groups) + 1)]
        values = ", ".join(f"%(shown_{name})s::text[]" for name in names)
        is_it = " AND ".join(
            f"shown.{name} = {VALUES.get(group, '{}').format(_grouped(group))}"
            for name, group in zip(names, self.groups, strict=True)
        )
        return (
            f"LEFT JOIN unnest({values}) WITH ORDINALITY AS shown ({', '.join(names)}, rank)"
            f" ON {is_it}"
        )

    @property
    def _numbers(self) -> str:
        return ", ".join(str(n) for n in range(1, len(self.groups) + 2))

    @property
    def _from(self) -> str:
        table = self.source.granularity.table if self.source.granularity else "usage_event"
        owners = (
            "LEFT JOIN providers_clientkey AS k ON k.id = u.client_key_id"
            if Dimension.USER in self.groups
            else ""
        )
        return f"{table} AS u JOIN usage_usageseries AS s ON s.id = u.series_id {owners}"

    @property
    def _where(self) -> str:
        stretches = " OR ".join(
            f"({self._column} >= %({self.source.name}_from_{n})s AND {self._column} <"
            f" %({self.source.name}_to_{n})s)"
            for n in range(len(self._stretches))
        )
        nobody = "IS NULL" if self.source is EVENTS else "= 0"
        conditions = [f"({stretches})", self.scope.over("u"), self.filters.sql("u", nobody)]
        if self.source.granularity and self.filters.accept_failures_only:
            # The largest rollup has an index of the few rows with failures.
            conditions.append("u.failed > 0")
        if self._has_gaps:
            conditions.append(f"{self._place} % 2 = 1")
        return " AND ".join(conditions)

    @property
    def _column(self) -> str:
        return 'u."timestamp"' if self.source is EVENTS else "u.bucket"

    @property
    def _number(self) -> str:
        first = self.pieces[0].number
        if len(self.pieces) == 1:
            return str(first)
        if step := self._step:
            since = f"{self._column} - %({self.source.name}_first)s"
            if self.source.unit is Unit.DAY:
                return f"{first} + ({since}::date) / {step.days}"
            seconds = f"date_part('epoch', {since}::timestamptz) / {step.total_seconds()}"
            return f"{first} + floor({seconds})::int"
        return f"(%({self.source.name}_numbers)s::int[])[({self._place} + 1) / 2]"

    @cached_property
    def _step(self) -> timedelta | None:
        """How long each piece is, if all are as long and follow one another: the number of a row is
        counted then instead of searched for."""
        (start, end), *others = self._bounds
        step: timedelta = end - start
        for n, ((start, after), piece) in enumerate(zip(others, self.pieces[1:], strict=True), 1):
            if start != end or after - start != step or piece.number != self.pieces[0].number + n:
                return None
            end = after
        return step

    @cached_property
    def _bounds(self) -> list[tuple[Any, Any]]:
        return [(self._bound(piece.start), self._bound(piece.end)) for piece in self.pieces]

    @property
    def _place(self) -> str:
        """How many edges of pieces lie before: odd within a piece, even in a gap."""
        kind = "date" if self.source.unit is Unit.DAY else "timestamptz"
        return f"width_bucket({self._column}, %({self.source.name}_edges)s::{kind}[])"

    def _bound(self, instant: datetime) -> Any:
        return instant.astimezone(self.calendar).date() if self.source.unit is Unit.DAY else instant

    @property
    def _stretches(self) -> list[tuple[Any, Any]]:
        """The time that is read: neighbouring pieces joined."""
        joined = self._joined
        if len(joined) > _MOST_STRETCHES:
            joined = [(joined[0][0], joined[-1][1])]
        return [(self._bound(start), self._bound(end)) for start, end in joined]

    @property
    def _has_gaps(self) -> bool:
        return len(self._joined) > _MOST_STRETCHES

    @property
    def _joined(self) -> list[tuple[datetime, datetime]]:
        joined: list[tuple[datetime, datetime]] = []
        for piece in self.pieces:
            if joined and joined[-1][1] == piece.start:
                joined[-1] = (joined[-1][0], piece.end)
            else:
                joined.append((piece.start, piece.end))
        return joined
