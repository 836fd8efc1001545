"""Pages of events by cursor, at about the same cost anywhere in the list, filtered or not, and stable under inserts.

The list is ordered by (timestamp, id), which never changes for an event. A page is found in two steps:

    walk   look at the next WALK events of the list in order and keep the accepted ones: enough for filters that accept a
           few in a hundred. Where only failures are accepted, the list is that of the failures (migration 0008).
    seek   if the page is not full, ask the index of each accepted credential, client key or series, the fewest first, in
           spans of time that grow until the page is full or the window ends
"""

import base64
import binascii
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from usage.dimensions import Dimension, Filters, Outcome
from usage.event_fields import JOINS, fields_for, select_list
from usage.reading import Row, rows
from usage.scope import Scope

WALK = 3000
LARGEST_PAGE = 500
_FIRST_PART, _GROWTH = timedelta(hours=2), 6
_INSTANT = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED = struct.Struct(">Bqq")


@dataclass(frozen=True)
class Cursor:
    """A place in the list: just beyond the event at `at` with `id`, in the direction of older or newer ones."""

    at: datetime
    id: int
    is_newer: bool = False

    def __str__(self) -> str:
        microseconds = (self.at - _EPOCH) // timedelta(microseconds=1)
        return base64.urlsafe_b64encode(_PACKED.pack(self.is_newer, microseconds, self.id)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """The cursor that a text stands for; raises ValueError."""
        try:
            is_newer, microseconds, event_id = _PACKED.unpack(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            cursor = cls(_EPOCH + timedelta(microseconds=microseconds), event_id, bool(is_newer))
        except (binascii.Error, struct.error, OverflowError, ValueError):
            cursor = None
        if cursor is None or str(cursor) != text:
            raise ValueError(f"expected a cursor that an earlier answer gave, got {text[:40]!r}")
        return cursor


@dataclass(frozen=True)
class EventQuestion:
    """Which events: those in `[start, end)` that the scope may see and the filters accept."""

    start: datetime
    end: datetime
    scope: Scope
    filters: Filters
    request_id: str = ""

    @property
    def index_accepts(self) -> bool:
        """Whether `event_sql` leaves out all that is to be left out, or nearly so."""
        return bool(self.request_id) or (self.scope.sees_everything and (not self.filters or self.only_outcome_is_failed(self.filters)))

    def only_outcome_is_failed(self, filters: Filters) -> bool:
        """Whether filters of this question say nothing but that failures are wanted."""
        return self.accepts_failures_only and filters.dimensions == {Dimension.OUTCOME}

    @property
    def accepts_failures_only(self) -> bool:
        """Whether the filters leave out every success."""
        outcomes = self.filters.values.get(Dimension.OUTCOME)
        return Dimension.FAILURE_CLASS in self.filters.values or outcomes == (Outcome.FAILED.value,)

    @property
    def accepted_sql(self) -> str:
        """The condition on events `e` with their series `s`."""
        return f"{self.scope.over('e')} AND {self.filters.sql()}"

    @property
    def event_sql(self) -> str:
        """The condition on events `e`, beside their time, that the index of a walk answers."""
        conditions = ["TRUE"]
        if self.accepts_failures_only:
            conditions.append("e.fail_body IS NOT NULL")
        if self.request_id:
            conditions.append("e.request_id = %(request_id)s AND e.request_id <> ''")
        return " AND ".join(conditions)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters of the window and of both conditions."""
        return {"start": self.start, "end": self.end, "owner": self.scope.owner_id, "request_id": self.request_id, **self.filters.parameters}


@dataclass(frozen=True)
class Page:
    """Events, newest first, and the cursors of the pages on both sides; None where the list ends."""

    rows: list[Row]
    next: Cursor | None
    previous: Cursor | None


def page_of_events(question: EventQuestion, cursor: Cursor | None, size: int) -> Page:
    """The page behind a cursor, or the newest one."""
    is_newer = cursor is not None and cursor.is_newer
    rows = _Search(question, is_newer).rows(cursor, size + 1)
    has_more, rows = len(rows) > size, rows[:size]
    if is_newer:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    older, newer = _cursor(rows[-1], is_newer=False), _cursor(rows[0], is_newer=True)
    return Page(
        [{name: value for name, value in row.items() if not name.startswith("_")} for row in rows],
        older if has_more or is_newer else None,
        newer if (has_more if is_newer else cursor) else None,
    )


def _cursor(row: Row, *, is_newer: bool) -> Cursor:
    return Cursor(row["_at"], row["_id"], is_newer)


@dataclass(frozen=True)
class _Span:
    """The stretch `[first, last)` of the list, without the events of its edges that lie beyond a cursor."""

    first: datetime
    last: datetime
    after: Cursor | None = None
    until: Cursor | None = None

    def sql(self, beyond: str) -> str:
        """The condition on events `e`, where `id beyond after` is further in the direction that is read.

        One comparison for each edge and a filter for ties: beside another bound an index ignores where `(timestamp, id) <` begins.
        """
        conditions = ['e."timestamp" >= %(first)s AND e."timestamp" < %(last)s']
        if self.after:
            conditions.append(f'(e."timestamp" <> %(after_at)s OR e.id {beyond} %(after_id)s)')
        if self.until:
            conditions.append(f'(e."timestamp" <> %(until_at)s OR NOT e.id {beyond} %(until_id)s)')
        return " AND ".join(conditions)

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of `sql`."""
        ties = {f"{edge}_{name}": getattr(c, name) for edge, c in (("after", self.after), ("until", self.until)) if c for name in ("at", "id")}
        return {"first": self.first, "last": self.last, **ties}


@dataclass(frozen=True)
class _Search:
    """Finds the next events of a question in one direction."""

    question: EventQuestion
    is_newer: bool

    def rows(self, cursor: Cursor | None, count: int) -> list[Row]:
        """The next `count` events behind a cursor, nearest first."""
        everything = self._span(cursor)
        if self.question.index_accepts:
            return self._walk(everything, count)
        end_of_walk = self._end_of_walk(everything)
        rows = self._walk(self._span(cursor, end_of_walk), count)
        if len(rows) < count and end_of_walk:
            rows += self._seek(self._span(end_of_walk), count - len(rows))
        return rows

    def _span(self, after: Cursor | None, until: Cursor | None = None) -> _Span:
        """What the question asks for, between two cursors; the event of the second belongs to it."""
        older, newer = (until, after) if not self.is_newer else (after, until)
        first = max(self.question.start, older.at) if older else self.question.start
        last = min(self.question.end, newer.at + _INSTANT) if newer else self.question.end
        return _Span(first, last, after, until)

    def _end_of_walk(self, span: _Span) -> Cursor | None:
        """The last event of the walk; None if the list ends before."""
        found = self._fetch(
            "end_of_walk",
            f"""SELECT e."timestamp" AS _at, e.id AS _id FROM usage_event AS e
            WHERE {span.sql(self._beyond)} AND {self.question.event_sql} ORDER BY {self._order()} OFFSET {WALK - 1} LIMIT 1""",
            **span.parameters,
        )
        return _cursor(found[0], is_newer=self.is_newer) if found else None

    def _walk(self, span: _Span, count: int) -> list[Row]:
        return self._fetch(
            "walk",
            f"""{self._select} FROM usage_event AS e {JOINS}
            WHERE {span.sql(self._beyond)} AND {self.question.event_sql} AND {self.question.accepted_sql} ORDER BY {self._order()} LIMIT %(count)s""",
            **span.parameters, count=count,
        )  # fmt: skip

    def _seek(self, span: _Span, count: int) -> list[Row]:
        accepted = self._accepted_values()
        is_one_index = len(accepted) == 1 and not self.question.accepts_failures_only
        rows: list[Row] = []
        for part in self._parts(span) if all(accepted.values()) else ():
            events = self._nearest_of_each(accepted, part) if is_one_index else self._nearest_of_all(accepted, part)
            values = {column: [value for value in values if value is not None] for column, values in accepted.items()}
            sql = f"{self._select} FROM ({events}) AS e {JOINS} ORDER BY {self._order()}"
            rows += self._fetch("seek", sql, **part.parameters, **values, count=count - len(rows))
            if len(rows) == count:
                break
        return rows

    def _accepted_values(self) -> dict[str, list[int | None]]:
        """Columns of events that have an index of their own, each with every value that is accepted; None for no value."""
        q = self.question
        accepted: dict[str, list[int | None]] = {}
        if credentials := q.filters.values.get(Dimension.CREDENTIAL):
            accepted["credential_id"] = list(credentials)  # type: ignore[arg-type]
        parties = q.filters.without(*(set(Dimension) - {Dimension.KEY, Dimension.USER}))
        if parties or not q.scope.sees_everything:
            everyone = "(SELECT id FROM providers_clientkey UNION ALL SELECT NULL) AS e (client_key_id)"
            sql = f"SELECT e.client_key_id AS id FROM {everyone} WHERE {q.scope.over('e')} AND {parties.sql()}"
            accepted["client_key_id"] = [row["id"] for row in self._fetch("parties", sql)]
        of_series = q.filters.without(Dimension.CREDENTIAL, Dimension.KEY, Dimension.USER)
        if of_series and not q.only_outcome_is_failed(of_series):
            sql = f"SELECT s.id FROM usage_usageseries AS s WHERE s.level = 'full' AND {of_series.sql()}"
            accepted["series_id"] = [row["id"] for row in self._fetch("series", sql)]
        return accepted

    def _nearest_of_each(self, accepted: dict[str, list[int | None]], span: _Span) -> str:
        """The nearest events of each value of a column, each from the index of that column, and of these the nearest."""
        ((column, values),) = accepted.items()
        nearest = f"(SELECT * FROM usage_event AS e WHERE {{of_one}} AND {span.sql(self._beyond)} ORDER BY {self._order()} LIMIT %(count)s)"
        of_known = f"SELECT e.* FROM unnest(%({column})s::bigint[]) AS wanted (id) CROSS JOIN LATERAL {nearest.format(of_one=f'e.{column} = wanted.id')} AS e"
        of_none = f" UNION ALL {nearest.format(of_one=f'e.{column} IS NULL')}" if None in values else ""
        return f"SELECT e.* FROM ({of_known}{of_none}) AS e ORDER BY {self._order()} LIMIT %(count)s"

    def _nearest_of_all(self, accepted: dict[str, list[int | None]], span: _Span) -> str:
        """The nearest events that hold several conditions, for which the planner intersects indexes.

        OFFSET keeps it from reading the index that has the order instead, in the hope to meet enough of them soon.
        """
        conditions = [span.sql(self._beyond), self.question.event_sql]
        for column, values in accepted.items():
            condition = f"e.{column} = ANY(%({column})s::bigint[])"
            conditions.append(f"({condition} OR e.{column} IS NULL)" if None in values else condition)
        found = f"SELECT * FROM usage_event AS e WHERE {' AND '.join(conditions)} OFFSET 0"
        return f"SELECT * FROM ({found}) AS e ORDER BY {self._order()} LIMIT %(count)s"

    def _parts(self, span: _Span) -> Iterator[_Span]:
        """A span in the direction that is read, in parts each longer than the one before."""
        first, last, length = span.first, span.last, _FIRST_PART
        while first < last:
            if self.is_newer:
                yield replace(span, first=first, last=(first := min(first + length, last)))
            else:
                yield replace(span, last=last, first=(last := max(last - length, first)))
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
        return rows(f"event_pages.{name}", sql, {**self.question.parameters, **parameters})
