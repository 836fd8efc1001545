"""Leases: the time-limited right to do one named thing, shared by every process on every host.

States of a row (one per name, never deleted):

    free  --acquire-->  held(token, holder, expires_at)  --release, force_release-->  free
                          |  renew: expires_at moves on        ^
                          '--time passes--> expired --acquire--'  (token + 1)

Invariants
* At most one term is unexpired per name: `acquire` is one conditional upsert, so the row lock
  decides.
* The token grows by one with every term and never shrinks; a term is named by (name, token).
* `renew` and `release` name their token, so a late call from an old term changes nothing.
* Only the database's clock decides (`clock_timestamp()`). A holder's own clock can only make it
  stop earlier: it trusts its lease until (monotonic start of the last successful renewal) + TTL -
  margin.

Failure rules
* Renewal refused, failed or late: the lease is lost. The holder may not write fenced state any
  more. That is an expected outcome (`False`), not an exception.
* A dead holder blocks its successor for at most the TTL.
* State that belongs to a term is written in a transaction that first calls `fence`, which locks the
  lease's row: the write and the proof that the term was current commit together.
* A holder that is frozen in a transaction keeps its locks no longer than its lease: `fence` and
  `bounded_transaction` have the database end a transaction that is idle for so long.
* `taken_from` is known when the lease is taken and never again: what a takeover has to leave behind
  is written in the transaction that acquires, so that it is neither forgotten nor done twice.
"""

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from django.db import Error as DatabaseError
from django.db import connection, models, transaction

from monitoring.failpoints import around
from monitoring.models import Lease

# A holder stops trusting its lease this share of the TTL before the database would let it expire.
TRUST_MARGIN = 0.1
HEARTBEATS_PER_TTL = 3
JUST_SECONDS = 0.1

_process_mark = (0, "")


def holder_name() -> str:
    """`host:pid:random`, stable for one process and new after a fork."""
    global _process_mark
    if _process_mark[0] != os.getpid():
        _process_mark = (os.getpid(), secrets.token_hex(4))
    return f"{socket.gethostname()}:{os.getpid()}:{_process_mark[1]}"


class LeaseLost(Exception):
    """The term is over: the lease ran out or was taken away. Its holder may neither send nor record
    anything more; expected, and never shown to people."""


@dataclass
class Term:
    """One period of holding a lease, named by its token."""

    name: str
    token: int
    holder: str
    ttl: float
    trusted_until: float = field(repr=False)
    # Who held it before and never gave it up: dead, or frozen past its time.
    taken_from: str = ""
    # What the lease's row shows that it is held for.
    work: UUID | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether, by this process's monotonic clock, the lease can be relied upon."""
        return time.monotonic() < self.trusted_until

    @property
    def was_just_renewed(self) -> bool:
        """Whether the database has just confirmed it, which need not be requested again at once."""
        return self.trusted_until - time.monotonic() > self.ttl * (1 - TRUST_MARGIN) - JUST_SECONDS

    def extend(self, since: float) -> None:
        self.trusted_until = since + self.ttl * (1 - TRUST_MARGIN)

    def distrust(self) -> None:
        self.trusted_until = 0.0


# Each returns a row if it had its effect; each may be part of a WITH, in a statement that does more
# at once.
ACQUIRE_SQL = """
INSERT INTO monitoring_lease AS lease (
    name, token, holder, acquired_at, renewed_at, expires_at, work_id, taken_from
)
VALUES (
    %(name)s, 1, %(holder)s, clock_timestamp(), clock_timestamp(),
    clock_timestamp() + make_interval(secs => %(ttl)s), %(work)s, ''
)
-- `lease` is the row once it is locked; a subquery would read it as it was before the wait.
ON CONFLICT (name) DO UPDATE SET
    token = lease.token + 1, holder = excluded.holder, acquired_at = excluded.acquired_at,
    renewed_at = excluded.renewed_at,
    expires_at = clock_timestamp() + make_interval(secs => %(ttl)s), work_id = excluded.work_id,
    taken_from = lease.holder
WHERE lease.expires_at IS NULL OR lease.expires_at <= clock_timestamp()
RETURNING token, taken_from
"""
RENEW_SQL = """
UPDATE monitoring_lease SET
    renewed_at = clock_timestamp(), work_id = coalesce(%(work)s, work_id),
    expires_at = clock_timestamp() + make_interval(secs => %(ttl)s)
WHERE name = %(name)s AND token = %(token)s AND expires_at > clock_timestamp()
RETURNING token, '' AS taken_from
"""
RELEASE_SQL = """
UPDATE monitoring_lease SET
    holder = '', acquired_at = NULL, renewed_at = NULL, expires_at = NULL, work_id = NULL
WHERE name = %(name)s AND token = %(token)s AND holder <> ''
RETURNING token
"""
# For a statement that writes state by itself: a row if the term is current, locked until the
# statement ends.
FENCE_SQL = """
SELECT 1 FROM monitoring_lease
WHERE name = %(name)s AND token = %(token)s AND expires_at > clock_timestamp()
FOR NO KEY UPDATE
"""
_LIMIT_IDLENESS = "set_config('idle_in_transaction_session_timeout', %s, true)"


def acquire(name: str, ttl: float, work: UUID | None = None) -> Term | None:
    """A new term of `ttl` seconds, or None while another process holds the lease. `work` is what it
    is taken for, as others see it from that instant on."""
    started = time.monotonic()
    holder = holder_name()
    with connection.cursor() as cursor:
        cursor.execute(
            f"/* monitoring.leases.acquire */ {ACQUIRE_SQL}",
            {"name": name, "holder": holder, "ttl": ttl, "work": work},
        )
        row = cursor.fetchone()
    if row is None:
        return None
    term = Term(name, row[0], holder, ttl, 0.0, taken_from=row[1], work=work)
    term.extend(started)
    return term


def show_work(term: Term, work: UUID) -> None:
    """Show others what the lease is held for now, unless it does so already; part of the caller's
    transaction."""
    if term.work != work:
        Lease.objects.filter(name=term.name, token=term.token).update(work_id=work)
        term.work = work


def renew(term: Term) -> bool:
    """Extend this very term by its TTL from now; False if it has expired or was taken away."""
    started = time.monotonic()
    with around("lease renewal"), connection.cursor() as cursor:
        cursor.execute(
            f"/* monitoring.leases.renew */ {RENEW_SQL}",
            {"name": term.name, "token": term.token, "ttl": term.ttl, "work": None},
        )
        renewed: bool = cursor.rowcount == 1
    if renewed:
        term.extend(started)
    else:
        term.distrust()
    return renewed


def release(term: Term) -> bool:
    """Give up this very term; False if it was no longer ours to give."""
    term.distrust()
    return _free(Lease.objects.filter(name=term.name, token=term.token).exclude(holder=""))


def force_release(name: str) -> bool:
    """Free the lease, whichever process holds it; False if it was free. Safe, because the old
    holder's token fences it off."""
    return _free(Lease.objects.filter(name=name).exclude(holder=""))


def _free(leases: models.QuerySet[Lease]) -> bool:
    free = dict.fromkeys(("acquired_at", "renewed_at", "expires_at", "work_id"))
    return leases.update(holder="", **free) == 1


def fence(term: Term) -> bool:
    """Whether the term is current; locks the lease's row until the caller's transaction ends, so it
    must be in one."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            /* monitoring.leases.fence */
            SELECT {_LIMIT_IDLENESS} FROM monitoring_lease
            WHERE name = %s AND token = %s AND expires_at > clock_timestamp()
            FOR NO KEY UPDATE
            """,
            [f"{term.ttl}s", term.name, term.token],
        )
        return cursor.fetchone() is not None


@contextmanager
def bounded_transaction(seconds: float) -> Iterator[None]:
    """A transaction that the database ends if this process leaves it idle for so long."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                f"/* monitoring.leases.bounded_transaction */ SELECT {_LIMIT_IDLENESS}",
                [f"{seconds}s"],
            )
        yield


@contextmanager
def heartbeat(term: Term) -> Iterator[None]:
    """Renew the term from a thread of its own, so that one slow response of an upstream does not
    outlive it."""
    stop = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(term, stop), name=f"heartbeat {term.name}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _beat(term: Term, stop: threading.Event) -> None:
    try:
        while not stop.wait(term.ttl / HEARTBEATS_PER_TTL):
            if not _renew_if_possible(term):
                return
    finally:
        connection.close()


def _renew_if_possible(term: Term) -> bool:
    try:
        return renew(term)
    except DatabaseError:
        # Uncertain: the next beat may succeed in time; if not, trust runs out by itself.
        connection.close()
        return term.is_trusted
