"""Pages of events by cursor, stable under inserts; usage/events/search.py finds what is on them."""

from dataclasses import dataclass
from datetime import timedelta

from usage.events.query import Cursor, EventQuery
from usage.events.search import Search, cursor_at
from usage.history.measurement import measured, note_sources
from usage.history.snapshot import Row, one_instant

LARGEST_PAGE = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Page:
    """Events, newest first, and the cursors of the pages on both sides; None where the list
    ends."""

    rows: list[Row]
    next: Cursor | None
    previous: Cursor | None


def page_of_events(query: EventQuery, cursor: Cursor | None, size: int) -> Page:
    """The page behind a cursor, or the newest one."""
    is_newer = cursor is not None and cursor.is_newer
    with measured("events"), one_instant():
        note_sources(["events"], (query.end - query.start) / _DAY)
        rows = _rows(query, cursor, size + 1, is_newer=is_newer)
    has_more, rows = len(rows) > size, rows[:size]
    if is_newer:
        rows.reverse()
    if not rows:
        return Page([], None, None)
    older, newer = cursor_at(rows[-1], is_newer=False), cursor_at(rows[0], is_newer=True)
    for row in rows:
        del row["_at"], row["_id"]
    return Page(
        rows,
        older if has_more or is_newer else None,
        newer if (has_more if is_newer else cursor) else None,
    )


def _rows(query: EventQuery, cursor: Cursor | None, count: int, *, is_newer: bool) -> list[Row]:
    rows: list[Row] = []
    for part in query.parts(cursor, is_newer=is_newer):
        rows += Search(part, is_newer).rows(cursor, count - len(rows))
        if len(rows) == count:
            break
    return rows
