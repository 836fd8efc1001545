"""Django sends `SELECT 1` before the first query of every request, to see that the server did not
close the connection.

A closed connection shows by itself: there is something to read on it, be it a message or the end.
So the statement is sent only then. A server that vanished silently would not respond to it either.

`planned_cursor` is for the few statements that every request executes: where
`DATABASE_PREPARED_STATEMENTS` allows it the server keeps their plans for as long as the connection
lasts, which is three quarters of what they cost. `binary_cursor` is for results of many bytes.

Values of the type `json`, of which a page of events has one each, are decoded by msgspec. Fields of
models are `jsonb`, which Django decodes.
"""

import re
import select
import time
from typing import Any

import msgspec
from django.db.backends.postgresql import base, operations
from django.db.backends.postgresql.base import ServerBindingCursor
from django.db.backends.utils import CursorWrapper
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from config.postgresql import counting
from monitoring.logs.account import current_account
from monitoring.tracing.spans import is_active
from monitoring.tracing.statements import statement_span

_NAME = re.compile(r"\s*/\* ([\w.]+) \*/")
_COMMENTS = re.compile(r"/\*.*?\*/")


class PlannedCursor(ServerBindingCursor):
    """Prepares what it executes, unless the connection's `prepare_threshold` is None."""

    def execute(self, query: Any, params: Any = None) -> Any:
        return super().execute(query, params, prepare=True)  # type: ignore[misc]


class BinaryCursor(ServerBindingCursor):
    """Receives the bytes of results as they are, where text takes two characters for each."""

    def execute(self, query: Any, params: Any = None) -> Any:
        return super().execute(query, params, binary=True, prepare=False)  # type: ignore[misc]


class DatabaseOperations(operations.DatabaseOperations):
    """Shows statements with their values, where they are recorded, even if the server bound them:
    psycopg has no such text."""

    def last_executed_query(self, cursor: Any, sql: Any, params: Any) -> Any:
        if isinstance(cursor, ServerBindingCursor):
            return self.compose_sql(sql, params)
        return super().last_executed_query(cursor, sql, params)


class JsonLoader(Loader):
    """The Python value of a `json`."""

    def load(self, data: Buffer) -> Any:
        return msgspec.json.decode(data)


def _accounted(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """Count a statement, and what the present request waits for it."""
    alias, account, started = context["connection"].alias, current_account(), time.perf_counter()
    account.statements += 1
    try:
        return execute(sql, params, many, context)
    except Exception as error:
        counting.failed(alias, error)
        raise
    finally:
        seconds = time.perf_counter() - started
        account.add("database", seconds)
        counting.executed(alias, seconds, len(params) if many else None)


def _traced(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
    """A span over a statement within another one: its text, never its parameters."""
    text = sql if isinstance(sql, str) else ""
    named = _NAME.match(text)
    operation = (_COMMENTS.sub("", text).split(None, 1) or ["statement"])[0].upper()
    with statement_span(named[1] if named else operation, operation, text):
        return execute(sql, params, many, context)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection that is checked without a round trip, and whose time is accounted for."""

    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute_wrappers.append(_accounted)
        if is_active():
            self.execute_wrappers.append(_traced)

    def get_new_connection(self, conn_params: Any) -> Any:
        counting.connecting(self.alias)
        try:
            made = super().get_new_connection(conn_params)
        except Exception:
            counting.not_connected(self.alias)
            raise
        made.adapters.register_loader("json", JsonLoader)
        return made

    def is_usable(self) -> bool:
        if self.connection is None or self.connection.closed:
            return False
        poller = select.poll()
        poller.register(self.connection.fileno(), select.POLLIN)
        return not poller.poll(0) or bool(super().is_usable())

    def planned_cursor(self) -> CursorWrapper:
        """A cursor whose statements the server plans once a connection; their parameters are bound
        by the server."""
        return self._cursor_of(PlannedCursor)

    def binary_cursor(self) -> CursorWrapper:
        """A cursor whose results arrive as bytes; its parameters are bound by the server."""
        return self._cursor_of(BinaryCursor)

    def _cursor_of(self, factory: type[ServerBindingCursor]) -> CursorWrapper:
        self.close_if_health_check_failed()
        self.ensure_connection()
        usual, self.connection.cursor_factory = self.connection.cursor_factory, factory
        try:
            cursor: CursorWrapper = self.cursor()
        finally:
            self.connection.cursor_factory = usual
        return cursor
