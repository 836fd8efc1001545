"""Finding the next events of a list, at about the same cost anywhere in it, filtered or not.

walk   look at the next WALK events of the list in order and keep the accepted ones: enough for filters that accept a
       few in a hundred. Where only failures are accepted, the list is that of the failures (migration 0008).
seek   if the page is not full, ask the index of each accepted credential, client key or series, in spans of time that
       grow until the page is full or the window ends
days   where several indexes have a say, ask a daily rollup first on which days there are such events, and intersect
       the indexes there: what is rare is found without looking at what it is rare among
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from usage.dimensions import Dimension
from usage.event_days import Day, days_of_next, stretches
from usage.event_fields import JOINS, fields_for, select_list
from usage.event_question import Cursor, EventQuestion
from usage.reading import Row, rows
from usage.windows import Interval

WALK = 3000
_FIRST_PART, _GROWTH = timedelta(hours=2), 6
_INSTANT = timedelta(microseconds=1)

# Columns of events that have an index of their own, each with every value that is accepted; None for no value.
Accepted = dict[str, list[int | None]]


@dataclass(frozen=True)
class Span(Interval):
    """A stretch of the list, without the events of its edges that lie beyond a cursor."""

    after: Cursor | None = None
    until: Cursor | None = None

    def sql(self, beyond: str) -> str:
        """The condition on events `e`, where `id beyond after` is further in the direction that is read.

        One comparison for each edge and a filter for ties: beside another bound an index ignores where `(timestamp, id) <` begins.
        """
        return f'e."timestamp" >= %(first)s AND e."timestamp" < %(last)s AND {self.ties_sql(beyond)}'

    def ties_sql(self, beyond: str) -> str:
        """The part of it that is about events at the instant of a cursor."""
        conditions = ["TRUE"]
        if self.after:
            conditions.append(f'(e."timestamp" <> %(after_at)s OR e.id {beyond} %(after_id)s)')
        if self.until:
            conditions.append(f'(e."timestamp" <> %(until_at)s OR NOT e.id {beyond} %(until_id)s)')
        return " AND ".join(conditions)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `sql`."""
        ties = {f"{edge}_{name}": getattr(c, name) for edge, c in (("after", self.after), ("until", self.until)) if c for name in ("at", "id")}
        return {"first": self.start, "last": self.end, **ties}


@dataclass(frozen=True)
class Search:
    """Finds the next events of a question in one direction."""

    question: EventQuestion
    is_newer: bool

    def rows(self, cursor: Cursor | None, count: int) -> list[Row]:
        """The next `count` events behind a cursor, nearest first."""
        everything = self._span(cursor)
        if self.question.index_accepts:
            return self._walk(everything, count)
        if self.question.accepts_failures_only:
            return self._look_up(everything, count)
        end_of_walk = self._end_of_walk(everything)
        rows = self._walk(self._span(cursor, end_of_walk), count)
        if len(rows) < count and end_of_walk:
            rows += self._look_up(self._span(end_of_walk), count - len(rows))
        return rows

    def _look_up(self, span: Span, count: int) -> list[Row]:
        accepted = self._accepted_values()
        if not all(accepted.values()):
            return []
        return (self._seek if len(accepted) == 1 else self._intersect)(accepted, span, count)

    def _span(self, after: Cursor | None, until: Cursor | None = None) -> Span:
        """What the question asks for, between two cursors; the event of the second belongs to it."""
        older, newer = (until, after) if not self.is_newer else (after, until)
        first = max(self.question.start, older.at) if older else self.question.start
        last = min(self.question.end, newer.at + _INSTANT) if newer else self.question.end
        return Span(first, last, after, until)

    def _end_of_walk(self, span: Span) -> Cursor | None:
        """The last event of the walk; None if the list ends before."""
        found = self._fetch(
            "end_of_walk",
            f"""SELECT e."timestamp" AS _at, e.id AS _id FROM usage_event AS e
            WHERE {span.sql(self._beyond)} AND {self.question.event_sql} ORDER BY {self._order()} OFFSET {WALK - 1} LIMIT 1""",
            **span.parameters,
        )
        return cursor_at(found[0], is_newer=self.is_newer) if found else None

    def _walk(self, span: Span, count: int) -> list[Row]:
        return self._fetch(
            "walk",
            f"""{self._select} FROM usage_event AS e {JOINS}
            WHERE {span.sql(self._beyond)} AND {self.question.event_sql} AND {self.question.accepted_sql} ORDER BY {self._order()} LIMIT %(count)s""",
            **span.parameters, count=count,
        )  # fmt: skip

    def _seek(self, accepted: Accepted, span: Span, count: int) -> list[Row]:
        rows: list[Row] = []
        for part in self._parts(span):
            rows += self._found(self._nearest_of_each(accepted, part), accepted, part.parameters, count - len(rows))
            if len(rows) == count:
                break
        return rows

    def _intersect(self, accepted: Accepted, span: Span, count: int) -> list[Row]:
        rows: list[Row] = []
        while len(rows) < count and span.start < span.end:
            days = days_of_next(count - len(rows), self.question, span, is_newer=self.is_newer)
            if not days:
                break
            if "series_id" in accepted:
                accepted["series_id"] = list({series for day in days for series in day.series})
            rows += self._found(self._nearest_of_all(accepted, span, days), accepted, span.parameters, count - len(rows))
            span = replace(span, start=days[-1].end) if self.is_newer else replace(span, end=days[-1].start)
        return rows

    def _found(self, events: str, accepted: Accepted, parameters: dict[str, Any], count: int) -> list[Row]:
        values = {column: [value for value in values if value is not None] for column, values in accepted.items()}
        return self._fetch("seek", f"{self._select} FROM ({events}) AS e {JOINS} ORDER BY {self._order()}", **parameters, **values, count=count)

    def _accepted_values(self) -> Accepted:
        q = self.question
        accepted: Accepted = {}
        if credentials := q.filters.values.get(Dimension.CREDENTIAL):
            accepted["credential_id"] = list(credentials)  # type: ignore[arg-type]
        parties = q.filters.without(*(set(Dimension) - {Dimension.KEY, Dimension.USER}))
        if parties or not q.scope.sees_everything:
            everyone = "(SELECT id FROM providers_clientkey UNION ALL SELECT NULL) AS e (client_key_id)"
            sql = f"SELECT e.client_key_id AS id FROM {everyone} WHERE {q.scope.over('e')} AND {parties.sql()}"
            accepted["client_key_id"] = [row["id"] for row in self._fetch("parties", sql)]
        if of_series := q.filters.without(Dimension.CREDENTIAL, Dimension.KEY, Dimension.USER):
            sql = f"SELECT s.id FROM usage_usageseries AS s WHERE s.level = 'full' AND {of_series.sql()}"
            accepted["series_id"] = [row["id"] for row in self._fetch("series", sql)]
        return accepted

    def _nearest_of_each(self, accepted: Accepted, span: Span) -> str:
        """The nearest events of each value of a column, each from the index of that column, and of these the nearest."""
        ((column, values),) = accepted.items()
        nearest = f"(SELECT * FROM usage_event AS e WHERE {{of_one}} AND {span.sql(self._beyond)} ORDER BY {self._order()} LIMIT %(count)s)"
        of_known = f"SELECT e.* FROM unnest(%({column})s::bigint[]) AS wanted (id) CROSS JOIN LATERAL {nearest.format(of_one=f'e.{column} = wanted.id')} AS e"
        of_none = f" UNION ALL {nearest.format(of_one=f'e.{column} IS NULL')}" if None in values else ""
        return f"SELECT e.* FROM ({of_known}{of_none}) AS e ORDER BY {self._order()} LIMIT %(count)s"

    def _nearest_of_all(self, accepted: Accepted, span: Span, days: Sequence[Day]) -> str:
        """The nearest events of some days that hold several conditions, for which the planner intersects indexes.

        It does so only if no two of them serve the same condition: hence stretches of time as alternatives, which an index of
        something else can leave to the index of time. OFFSET keeps it from reading the index that has the order instead, in
        the hope to meet enough of them soon.
        """
        times = [f"e.\"timestamp\" >= '{start.isoformat()}' AND e.\"timestamp\" < '{end.isoformat()}'" for start, end in stretches(days)]
        conditions = [f"({' OR '.join(times)})", span.ties_sql(self._beyond)]
        for column, values in accepted.items():
            condition = f"e.{column} = ANY(%({column})s::bigint[])"
            conditions.append(f"({condition} OR e.{column} IS NULL)" if None in values else condition)
        found = f"SELECT * FROM usage_event AS e WHERE {' AND '.join(conditions)} OFFSET 0"
        return f"SELECT * FROM ({found}) AS e ORDER BY {self._order()} LIMIT %(count)s"

    def _parts(self, span: Span) -> Iterator[Span]:
        """A span in the direction that is read, in parts each longer than the one before."""
        start, end, length = span.start, span.end, _FIRST_PART
        while start < end:
            if self.is_newer:
                yield replace(span, start=start, end=(start := min(start + length, end)))
            else:
                yield replace(span, end=end, start=(end := max(end - length, start)))
            length *= _GROWTH

    @property
    def _select(self) -> str:
        return f'SELECT e."timestamp" AS _at, e.id AS _id, {select_list(fields_for(self.question.scope))}'

    @property
    def _beyond(self) -> str:
        return ">" if self.is_newer else "<"

    def _order(self) -> str:
        direction = "ASC" if self.is_newer else "DESC"
        return f'e."timestamp" {direction}, e.id {direction}'

    def _fetch(self, name: str, sql: str, **parameters: Any) -> list[Row]:
        return rows(f"event_search.{name}", sql, {**self.question.parameters, **parameters})


def cursor_at(row: Row, *, is_newer: bool) -> Cursor:
    """The cursor just beyond a found event."""
    return Cursor(row["_at"], row["_id"], is_newer)
