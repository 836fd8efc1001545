"""Events of a query as CSV or JSON lines, of any number: PostgreSQL writes the lines, we pass
them on as they come.

States: slot taken -> lines flow -> end of the file, or the connection is cut.

Invariants
* One statement, so one snapshot: what arrives meanwhile is in none of it. Oldest first.
* Never more than a chunk is held here. A consumer that stops (the client has left) ends the
  statement.
* A failure half-way raises, so that the server cuts the connection instead of ending the body:
  nothing looks complete that is not.
* MOST_AT_ONCE exports run at once, over all processes. Their slots are locks of the transaction,
  which nobody can leave behind.
"""

from collections.abc import Iterator
from datetime import timedelta
from enum import Enum

from django.db import connection, transaction

from monitoring.advisory_locks import EXPORT_SLOTS
from monitoring.tracing.statements import statement_span
from monitoring.web.currency import Currency
from usage.events.fields import (
    JOINS,
    TEXT_FIELDS,
    converted_fields,
    fields_for,
    flat_fields_for,
    select_list,
)
from usage.events.query import EventQuery
from usage.history.measurement import measured, note_sources

MOST_AT_ONCE = 4
CHUNK_BYTES = 64 * 1024
_NAME = "usage.events.export"
_TAKE_SLOT = (
    "SELECT n FROM generate_series(1, %(most)s) AS n WHERE pg_try_advisory_xact_lock(%(lock)s, n)"
    " LIMIT 1"
)


class Format(Enum):
    """What a file of events looks like; the value is its ending."""

    CSV = "csv"
    JSON_LINES = "jsonl"

    @property
    def content_type(self) -> str:
        """The media type of the file."""
        return {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}[self.value]


def export(
    query: EventQuery, file_format: Format, currency: Currency | None = None
) -> Iterator[bytes] | None:
    """The file in chunks, which must be read to the end or closed; None while MOST_AT_ONCE others
    are being written. With a currency it also has costs in that."""
    with measured("export"):
        note_sources(["events"], (query.end - query.start) / timedelta(days=1))
    chunks = _chunks(query, file_format, currency)
    has_slot = next(chunks, None) is not None
    return chunks if has_slot else None


def _chunks(query: EventQuery, file_format: Format, currency: Currency | None) -> Iterator[bytes]:
    with transaction.atomic(), connection.cursor() as db:
        db.execute(_TAKE_SLOT, {"most": MOST_AT_ONCE, "lock": EXPORT_SLOTS})
        if not db.fetchone():
            return
        yield b""
        # A sort would keep the reader waiting for millions of lines, and an index has the order.
        db.execute("SET LOCAL enable_sort = off")
        write = _csv if file_format is Format.CSV else _json_lines
        statement = f"/* {_NAME} */ {write(query, currency)}"
        with (
            statement_span(_NAME, "COPY", statement),
            connection.wrap_database_errors,
            db.copy(statement, query.parameters) as lines,
        ):
            held = bytearray()
            for line in lines:
                held += line
                if len(held) >= CHUNK_BYTES:
                    yield bytes(held)
                    held.clear()
            yield bytes(held)


def _csv(query: EventQuery, currency: Currency | None) -> str:
    fields = {
        name: _harmless(sql) if name in TEXT_FIELDS else sql
        for name, sql in flat_fields_for(query.scope).items()
    } | converted_fields(currency)
    return f"COPY ({_select(query, fields)}) TO STDOUT WITH (FORMAT csv, HEADER)"


def _json_lines(query: EventQuery, currency: Currency | None) -> str:
    # JSON has no control characters, so with these nothing is ever quoted.
    fields = fields_for(query.scope) | converted_fields(currency)
    options = r"FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01'"
    return (
        f"COPY (SELECT row_to_json(line) FROM ({_select(query, fields)}) AS"
        f" line) TO STDOUT WITH ({options})"
    )


def _harmless(sql: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    return (
        rf"CASE WHEN left({sql}, 1) IN ('=', '+', '-', '@', E'\t', E'\r', E'\n') THEN '''' || {sql}"
        rf" ELSE {sql} END"
    )


def _select(query: EventQuery, fields: dict[str, str]) -> str:
    return f"""SELECT {select_list(fields)} FROM usage_event AS e {JOINS}
        WHERE e."timestamp" >= %(start)s AND e."timestamp" < %(end)s
            AND {query.hours_sql} AND {query.event_sql} AND {query.accepted_sql}
        ORDER BY e."timestamp", e.id"""
