"""Reading from a streaming replica where there is one, never further behind than said.

    no DATABASE_REPLICA_URL --> primary
    replica reached, a standby, and not too far behind --> replica --it fails meanwhile--> primary
    otherwise --> primary, and the replica is looked at again in a while

How far behind: once a second the position of the primary's log is noted with the time. Whatever the
replica has replayed up to such a position was committed before that time, so data read from it are
complete up to then. No clock but ours counts, and an idle primary is not taken for a replica that
hangs.

Only what is read through `connection()` comes from the replica; all else, and every write,
stays with the primary.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from time import monotonic
from typing import TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils.translation import gettext

from monitoring.health import Finding, Level
from usage import log_kinds as kinds

logger = logging.getLogger(__name__)

PRIMARY, REPLICA = "default", "replica"
# How long a look at the replica is believed, and how long one that failed is left alone.
LOOK_EVERY, LEAVE_ALONE = 1.0, 5.0
_POSITIONS_KEPT = 600

T = TypeVar("T")
_alias: ContextVar[str] = ContextVar("reading_alias", default=PRIMARY)


@dataclass(frozen=True)
class Read:
    """Where something was read, and the instant up to which what was read is complete."""

    alias: str
    as_of: datetime


def connection() -> BaseDatabaseWrapper:
    """The connection that this thread reads from."""
    return connections[_alias.get()]


def read(compute: Callable[[], T]) -> tuple[T, Read]:
    """What `compute` reads through `connection()`: from the replica if it is fresh, else from the
    primary. `compute` may be called twice."""
    if complete_at := _watch.complete_at():
        try:
            return _read_from(REPLICA, compute), Read(REPLICA, complete_at)
        except (OperationalError, InterfaceError) as error:
            _watch.leave_alone(error)
    now = datetime.now(UTC)
    return _read_from(PRIMARY, compute), Read(PRIMARY, now)


def check() -> Iterator[Finding]:
    """What the doctor says of the replica; nothing where none is configured."""
    if REPLICA not in connections.databases:
        return
    if _watch.complete_at():
        yield Finding(Level.OK, gettext("The replica is fresh, and history is read from it."))
        return
    yield Finding(
        Level.WARNING,
        gettext(
            "The replica cannot be reached, is no standby, or is more than %(seconds)s s behind."
        )
        % {"seconds": f"{settings.HISTORY_REPLICA_MAX_LAG_SECONDS:g}"},
        why=gettext(
            "History is read from the primary meanwhile, which then has that load as well."
        ),
        fix=gettext(
            "See pg_stat_replication on the primary and the log of the standby; check"
            " DATABASE_REPLICA_URL."
        ),
    )


def _read_from(alias: str, compute: Callable[[], T]) -> T:
    token = _alias.set(alias)
    try:
        return compute()
    finally:
        _alias.reset(token)


class _Watch:
    """What this process last saw of the replica."""

    def __init__(self) -> None:
        self._looking = Lock()
        self._positions: deque[tuple[int, datetime]] = deque(maxlen=_POSITIONS_KEPT)
        self._complete_at: datetime | None = None
        self._look_again_at = 0.0

    def complete_at(self) -> datetime | None:
        """The instant up to which the replica is complete; None if it may not be read."""
        if REPLICA not in connections.databases:
            return None
        # While one thread looks, the others believe what was seen last.
        if monotonic() >= self._look_again_at and self._looking.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._looking.release()
        seen, longest = (
            self._complete_at,
            timedelta(seconds=settings.HISTORY_REPLICA_MAX_LAG_SECONDS),
        )
        return seen if seen and datetime.now(UTC) - seen <= longest else None

    def leave_alone(self, error: Exception) -> None:
        """Read from the primary for a while."""
        kinds.REPLICA_NOT_READ.log(logger, logging.WARNING, error=str(error).strip()[:200])
        connections[REPLICA].close()
        self._complete_at, self._look_again_at = None, monotonic() + LEAVE_ALONE

    def _look(self) -> None:
        now = datetime.now(UTC)
        self._positions.append((_position(PRIMARY, "pg_current_wal_lsn()"), now))
        try:
            replayed = _position(
                REPLICA, "CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() END"
            )
        except (OperationalError, InterfaceError) as error:
            self.leave_alone(error)
            return
        self._complete_at = max(
            (at for position, at in self._positions if position <= replayed), default=None
        )
        self._look_again_at = monotonic() + LOOK_EVERY


def _position(alias: str, expression: str) -> int:
    """A position in the log in bytes; -1 for none, as of a replica that is no standby."""
    with connections[alias].cursor() as cursor:
        cursor.execute(
            f"/* usage.history.replica */ SELECT coalesce(({expression}) - '0/0', -1)::bigint"
        )
        return int(cursor.fetchone()[0])


_watch = _Watch()
