"""Reading for history: rows of a statement as dictionaries, and several statements that see the
same instant.

Where usage/history/replica.py says so, both come from the replica.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import transaction

from monitoring.logs.account import current_account, timed
from monitoring.logs.slow_statements import log_if_slow
from usage.history.replica import connection

Row = dict[str, Any]
T = TypeVar("T")
_known: ContextVar[dict[str, Any] | None] = ContextVar("known_in_this_instant", default=None)


def rows(name: str, sql: str, parameters: dict[str, Any], *, has_bytes: bool = False) -> list[Row]:
    """The rows of a statement; `name` stands in a comment, so that it is recognised in
    `pg_stat_activity`."""
    statement = f"/* usage.{name} */ {sql}"
    used = connection()
    binary = used.binary_cursor  # type: ignore[attr-defined]
    with binary() if has_bytes else used.cursor() as cursor, timed() as seconds:
        cursor.execute(statement, parameters)
        columns = [column.name for column in cursor.description or ()]
        found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    current_account().rows += len(found)
    log_if_slow(used, f"usage.{name}", statement, parameters, seconds(), len(found))
    return found


def once(name: str, read: Callable[[], T]) -> T:
    """What `read` returns; within `one_instant` it is called only once."""
    known = _known.get()
    if known is None:
        return read()
    if name not in known:
        known[name] = read()
    found: T = known[name]
    return found


@contextmanager
def one_instant() -> Iterator[None]:
    """Within it all statements see the data of one instant, so that what one sums the others sum
    too."""
    known = _known.get()
    token = _known.set({} if known is None else known)
    try:
        with _snapshot():
            yield
    finally:
        _known.reset(token)


@contextmanager
def _snapshot() -> Iterator[None]:
    if connection().in_atomic_block:  # its opener has decided what is seen
        yield
        return
    with transaction.atomic(using=connection().alias):
        with connection().cursor() as cursor:
            # The lock comes before the snapshot: no month that is seen can be dropped until the
            # result is whole.
            cursor.execute(
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY; LOCK TABLE ONLY"
                " usage_event IN ACCESS SHARE MODE"
            )
        yield
