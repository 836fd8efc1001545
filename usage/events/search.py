"""Finding the next events of a list, at about the same cost anywhere in it, filtered or not.

walk   where the order's index leaves out nearly all that is to be left out, or events are dense:
       read the next WALK events in order and keep the accepted ones. Failures have such an index of
       their own (migration 0008).
each   where one column decides (client key, credential or series): read from its index the nearest
       of each accepted value, if there are many after a walk, and in spans of time that grow until
       the page is full
days   where several columns decide: a daily rollup shows on which days there are such events, and
       the indexes are intersected there. So rare events are found without reading all the others.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from usage.events.days import COLUMNS, Day, days_of_next, stretches
from usage.events.fields import JOINS, fields_for, select_list
from usage.events.query import Cursor, EventQuery
from usage.events.span import Span
from usage.history.dimensions import Dimension
from usage.history.snapshot import Row, rows

WALK = 3000
_FIRST_PART, _GROWTH = timedelta(hours=2), 6
_INSTANT = timedelta(microseconds=1)

# So few values of a column are looked up at once, wherever their events are.
_FEW = 4
# Where a day has so many of the events, the next ones are soon met.
_MANY = 2000

Values = list[int | None]


@dataclass(frozen=True)
class Search:
    """Finds the next events of a query in one direction."""

    query: EventQuery
    is_newer: bool

    def rows(self, cursor: Cursor | None, count: int) -> list[Row]:
        """The next `count` events behind a cursor, nearest first."""
        everything = self._span(cursor)
        if self.query.index_accepts:
            return self._walk(everything, count)
        column, *others = self._restricted_columns
        if others:
            days = self._days(everything, count)
            if all(day.events < _MANY for day in days):
                return self._intersect(everything, count, days)
            return self._after_walk(
                cursor,
                count,
                lambda rest, missing: self._intersect(rest, missing, self._days(rest, missing)),
            )
        values = self._accepted_values(column)
        if len(values) <= _FEW:
            return self._nearest_of_each(column, values, everything, count)
        return self._after_walk(
            cursor, count, lambda rest, missing: self._seek(column, values, rest, missing)
        )

    def _after_walk(
        self, cursor: Cursor | None, count: int, find_rest: Callable[[Span, int], list[Row]]
    ) -> list[Row]:
        end_of_walk = self._end_of_walk(self._span(cursor))
        rows = self._walk(self._span(cursor, end_of_walk), count)
        if len(rows) == count or not end_of_walk:
            return rows
        return rows + find_rest(self._span(end_of_walk), count - len(rows))

    def _span(self, after: Cursor | None, until: Cursor | None = None) -> Span:
        """What the query covers, between two cursors; the event of the second belongs to
        it."""
        older, newer = (until, after) if not self.is_newer else (after, until)
        first = max(self.query.start, older.at) if older else self.query.start
        last = min(self.query.end, newer.at + _INSTANT) if newer else self.query.end
        return Span(first, last, after, until)

    def _end_of_walk(self, span: Span) -> Cursor | None:
        """The last event of the walk; None if the list ends before."""
        found = self._fetch(
            "end_of_walk",
            f"""SELECT e."timestamp" AS _at, e.id AS _id FROM usage_event AS e
            WHERE {span.sql(self._beyond)} AND {self.query.event_sql}
            ORDER BY {self._order()} OFFSET {WALK - 1} LIMIT 1""",
            **span.parameters,
        )
        return cursor_at(found[0], is_newer=self.is_newer) if found else None

    def _walk(self, span: Span, count: int) -> list[Row]:
        return self._fetch(
            "walk",
            f"""{self._select} FROM usage_event AS e {JOINS}
            WHERE {span.sql(self._beyond)} AND {self.query.event_sql}
                AND {self.query.accepted_sql}
            ORDER BY {self._order()} LIMIT %(count)s""",
            **span.parameters,
            count=count,
        )

    def _seek(self, column: str, values: Values, span: Span, count: int) -> list[Row]:
        rows: list[Row] = []
        for part in self._parts(span):
            rows += self._nearest_of_each(column, values, part, count - len(rows))
            if len(rows) == count:
                break
        return rows

    def _intersect(self, span: Span, count: int, days: Sequence[Day]) -> list[Row]:
        rows: list[Row] = []
        while days:
            rows += self._nearest_of_all(span, days, count - len(rows))
            span = (
                replace(span, start=days[-1].end)
                if self.is_newer
                else replace(span, end=days[-1].start)
            )
            days = self._days(span, count - len(rows))
        return rows

    def _days(self, span: Span, count: int) -> list[Day]:
        return (
            days_of_next(count, self.query, span, is_newer=self.is_newer)
            if count and span.start < span.end
            else []
        )

    @property
    def _restricted_columns(self) -> list[str]:
        """The columns of events, each with an index of its own, of which not every value is
        accepted."""
        dimensions = self.query.filters.dimensions
        of_key = not self.query.scope.sees_everything or bool(
            dimensions & {Dimension.KEY, Dimension.USER}
        )
        of_series = bool(dimensions - {Dimension.KEY, Dimension.USER, Dimension.CREDENTIAL})
        is_restricted = {
            "client_key_id": of_key,
            "credential_id": Dimension.CREDENTIAL in dimensions,
            "series_id": of_series,
        }
        return [column for column in COLUMNS if is_restricted[column]]

    def _accepted_values(self, column: str) -> Values:
        """Every accepted value of the only restricted column."""
        q = self.query
        if column == "credential_id":
            return list(q.filters.values[Dimension.CREDENTIAL])  # type: ignore[arg-type]
        if column == "series_id":
            return [
                row["id"]
                for row in self._fetch(
                    "series",
                    "SELECT s.id FROM usage_usageseries AS s WHERE s.level = 'full' AND"
                    f" {q.filters.sql()}",
                )
            ]
        everyone = "(SELECT id FROM providers_clientkey UNION ALL SELECT NULL) AS e (client_key_id)"
        return [
            row["id"]
            for row in self._fetch(
                "parties", f"SELECT e.client_key_id AS id FROM {everyone} WHERE {q.accepted_sql}"
            )
        ]

    def _nearest_of_each(self, column: str, values: Values, span: Span, count: int) -> list[Row]:
        """The nearest events of each value of a column, each from the index of that column, and of
        these the nearest."""
        nearest = (
            f"(SELECT * FROM usage_event AS e WHERE {{of_one}} AND {span.sql(self._beyond)} ORDER"
            f" BY {self._order()} LIMIT %(count)s)"
        )
        of_known = (
            "SELECT e.* FROM unnest(%(values)s::bigint[]) AS wanted (id) CROSS JOIN LATERAL"
            f" {nearest.format(of_one=f'e.{column} = wanted.id')} AS e"
        )
        of_none = (
            f" UNION ALL {nearest.format(of_one=f'e.{column} IS NULL')}" if None in values else ""
        )
        return self._found(
            f"{of_known}{of_none}",
            **span.parameters,
            values=[value for value in values if value is not None],
            count=count,
        )

    def _nearest_of_all(self, span: Span, days: Sequence[Day], count: int) -> list[Row]:
        """The nearest events of some days, for which the planner intersects the indexes of the
        restricted columns.

        It does so only if no two of them serve the same condition: hence stretches of time as
        alternatives, which an index of something else can leave to the index of time. OFFSET keeps
        it from reading the index that has the order instead, in the hope to meet enough of them
        soon.
        """
        times = [
            f"e.\"timestamp\" >= '{start.isoformat()}' AND e.\"timestamp\" < '{end.isoformat()}'"
            for start, end in stretches(days)
        ]
        conditions = [f"({' OR '.join(times)})", span.ties_sql(self._beyond)]
        values = {
            column: set().union(*(day.values[column] for day in days))
            for column in self._restricted_columns
        }
        for column, accepted in values.items():
            condition = f"e.{column} = ANY(%({column})s::bigint[])"
            conditions.append(
                f"({condition} OR e.{column} IS NULL)" if 0 in accepted else condition
            )
        events = f"SELECT * FROM usage_event AS e WHERE {' AND '.join(conditions)} OFFSET 0"
        return self._found(
            events,
            **span.parameters,
            **{column: list(accepted) for column, accepted in values.items()},
            count=count,
        )

    def _found(self, events: str, **parameters: Any) -> list[Row]:
        nearest = f"SELECT e.* FROM ({events}) AS e ORDER BY {self._order()} LIMIT %(count)s"
        return self._fetch(
            "found",
            f"{self._select} FROM ({nearest}) AS e {JOINS} ORDER BY {self._order()}",
            **parameters,
        )

    def _parts(self, span: Span) -> Iterator[Span]:
        """A span in the direction that is read, in parts each longer than the one before."""
        length = _FIRST_PART
        while span.start < span.end:
            if self.is_newer:
                edge = min(span.start + length, span.end)
                part, span = replace(span, end=edge), replace(span, start=edge)
            else:
                edge = max(span.end - length, span.start)
                part, span = replace(span, start=edge), replace(span, end=edge)
            yield part
            length *= _GROWTH

    @property
    def _select(self) -> str:
        return (
            f'SELECT e."timestamp" AS _at, e.id AS _id, {select_list(fields_for(self.query.scope))}'
        )

    @property
    def _beyond(self) -> str:
        return ">" if self.is_newer else "<"

    def _order(self) -> str:
        direction = "ASC" if self.is_newer else "DESC"
        return f'e."timestamp" {direction}, e.id {direction}'

    def _fetch(self, name: str, sql: str, **parameters: Any) -> list[Row]:
        return rows(f"events.search.{name}", sql, {**self.query.parameters, **parameters})


def cursor_at(row: Row, *, is_newer: bool) -> Cursor:
    """The cursor just beyond a found event."""
    return Cursor(row["_at"], row["_id"], is_newer)
