"""The loop's polls of one queue: a lease that is kept from poll to poll, and one row for all polls
of an idle period.

    begin --> poll --> found something, or failed --> a run with a row of its own
                  '--> found nothing --> one poll more on the row of this idle period, recorded by
                  the next `begin` or `rest`

An idle queue is polled every few seconds, for ever. So an empty poll costs one statement, right
before its pop: it takes or renews the lease, which proves lease and database as
`usage/collector/drain.py` demands, records the poll before, and reads the upstream anew.

Invariants
* A poll is recorded only by a statement that finds the lease held under the token of that poll.
* The lease is kept while the next poll comes within KEEP_SECONDS; otherwise, and at the end, it is
  given up (`rest`), so that other collectors get a turn.
* The row of an idle period is extended only while no other process can have polled in between, and
  no event can have expired between two of its polls: it proves that the queue was polled from its
  start to its end.
* A process that takes the lease after another collector writes a row before the pop; and so does
  every run once it has something to store. A process that dies in an empty poll is known by its
  lease, which was not given up; its successor records the death in the transaction that takes it.
* The lease shows what it is held for: the idle period that the poll belongs to if it finds nothing,
  or the run that begins. A run that finds something shows itself with its row.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_of
from monitoring.failpoints import around
from monitoring.leases import (
    ACQUIRE_SQL,
    RELEASE_SQL,
    RENEW_SQL,
    LeaseLost,
    Term,
    bounded_transaction,
    heartbeat,
    holder_name,
)
from usage.collector.cadence import longest_wait
from usage.collector.drain import pull
from usage.collector.runs import (
    Ending,
    Run,
    perform,
    record_end,
    record_if_possible,
    record_start,
    record_takeover,
)
from usage.completeness.measure import measure_if_due
from usage.ingest.attribution import Attribution
from usage.models import CollectorRun

logger = logging.getLogger(__name__)

Status = CollectorRun.Status
# Between polls farther apart, other processes get their turn.
KEEP_SECONDS = 4.0
LONGEST_IDLE_PERIOD = timedelta(hours=1)

_RECORD_POLL = """
INSERT INTO usage_collectorrun AS run (
    id, upstream_id, trigger, holder, token, status, started_at, ended_at, duration_ms,
    lock_wait_ms, popped, stored, duplicates, dead_lettered, pages, looks, failure_class, error
)
SELECT %(run)s, %(upstream)s, %(trigger)s, %(holder)s, term.token, 'succeeded',
    clock_timestamp() - make_interval(secs => %(began)s),
    clock_timestamp() - make_interval(secs => %(ended)s), %(duration)s,
    0, 0, 0, 0, 0, 1, 1, '', ''
FROM term WHERE %(run)s::uuid IS NOT NULL
ON CONFLICT (id) DO UPDATE SET
    ended_at = greatest(run.ended_at, excluded.ended_at), duration_ms = excluded.duration_ms,
    token = excluded.token, pages = run.pages + 1, looks = run.looks + 1
"""
_BEGIN = f"""
WITH term AS ({{term}}), poll_before AS ({_RECORD_POLL})
SELECT upstream.*, term.token AS lease_token, term.taken_from AS lease_taken_from,
    clock_timestamp() AS polled_at
FROM management_proxy_upstream AS upstream LEFT JOIN term ON true WHERE upstream.id = %(upstream)s
"""
_KEEP = f"/* usage.collector.poller.begin */ {_BEGIN.format(term=RENEW_SQL)}"
_TAKE = f"/* usage.collector.poller.begin */ {_BEGIN.format(term=ACQUIRE_SQL)}"
_REST = f"/* usage.collector.poller.rest */ WITH term AS ({RELEASE_SQL}) {_RECORD_POLL}"


@dataclass(frozen=True)
class EmptyPoll:
    """A poll that found nothing and is not recorded yet; monotonic seconds."""

    run: UUID
    trigger: CollectorRun.Trigger
    began: float
    ended: float


class Polled(NamedTuple):
    """The result of a poll."""

    ending: Ending
    popped: int
    more_waiting: bool


class Poller:
    """One thread's polls of one upstream's queue; `upstream` is read anew by every `begin`."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.attribution = Attribution(upstream)
        self._term: Term | None = None
        self._last_token: int | None = None
        self._polled_at: datetime | None = None
        self._must_record = True
        self._next_run: UUID | None = None
        self._idle_run: UUID | None = None
        self._idle_since: datetime | None = None
        self._poll_before: EmptyPoll | None = None
        self._measure_at = 0.0

    @property
    def term(self) -> Term:
        """The lease that is held; raises LeaseLost without one."""
        if self._term is None:
            raise LeaseLost
        return self._term

    def begin(self) -> bool:
        """Keep the lease, or take it; False while another process collects. Raises django.db.Error,
        Upstream.DoesNotExist."""
        return self.keep() or self._take()

    def keep(self) -> bool:
        """Renew the lease that is held; False if none is, or not any more."""
        return self._term is not None and self._hold(_KEEP)

    def _take(self) -> bool:
        with bounded_transaction(settings.COLLECTOR_LEASE_TTL_SECONDS):
            taken = self._hold(_TAKE)
            if taken and self._must_record:
                record_takeover(self.upstream, self.term)
        return taken

    def _hold(self, sql: str) -> bool:
        started, term, next_run = time.monotonic(), self._term, uuid4()
        name, ttl = self.upstream.collect_lease, settings.COLLECTOR_LEASE_TTL_SECONDS
        work = self._idle_run or next_run
        lease = {"name": name, "ttl": ttl, "token": term.token if term else None, "work": work}
        with around("lease renewal"):
            found: list[Any] = list(Upstream.with_removed.raw(sql, self._parameters() | lease))
        self._poll_before = None
        if not found:
            raise Upstream.DoesNotExist
        self.upstream = found[0]
        if found[0].lease_token is None:
            self._lose()
            return False
        if term is None:
            taken_from = found[0].lease_taken_from
            term = Term(name, found[0].lease_token, holder_name(), ttl, 0.0, taken_from)
        term.extend(started)
        term.work = work
        self._next_run = None if self._idle_run else next_run
        self._begin_term(term, found[0].polled_at)
        return True

    def _lose(self) -> None:
        if self._term:
            self._term.distrust()
        self._term = None

    def _begin_term(self, term: Term, polled_at: datetime) -> None:
        follows = self._term is term or (term.token - 1 == self._last_token and not term.taken_from)
        within = self._polled_at and polled_at - self._polled_at <= timedelta(
            seconds=2 * longest_wait(self.upstream.retention_seconds)
        )
        is_long = self._idle_since and polled_at - self._idle_since > LONGEST_IDLE_PERIOD
        if not follows or (self._idle_run and (not within or is_long)):
            self._begin_with_row()
        self._term, self._last_token, self._polled_at = term, term.token, polled_at

    def _begin_with_row(self) -> None:
        self._must_record, self._idle_run = True, None

    def perform(self, trigger: CollectorRun.Trigger, work: Callable[[Run], None]) -> Polled:
        """A run under the lease, with a row if it must have one from the start. Raises LeaseLost,
        django.db.Error."""
        run = Run(self.upstream, self.term, self.attribution, trigger, id=self._next_run or uuid4())
        self._next_run = None
        try:
            if self._must_record:
                record_start(run)
                self._must_record = False
            return perform(run, work, self.end)
        except DatabaseError:
            # Its row may say that it goes on; the next one's start says that it does not.
            self._begin_with_row()
            raise

    def poll(self, trigger: CollectorRun.Trigger, should_stop: Callable[[], bool]) -> Polled:
        """Collect once after `begin`. Raises LeaseLost, django.db.Error."""
        with heartbeat(self.term):
            return self.perform(trigger, partial(self._pull, should_stop=should_stop))

    def _pull(self, run: Run, should_stop: Callable[[], bool]) -> None:
        pull(run, client_of, should_stop)
        if not run.more_waiting:
            self.measure_if_due()

    def measure_if_due(self) -> None:
        """Measure completeness now and then."""
        if time.monotonic() >= self._measure_at:
            self._measure_at = time.monotonic() + measure_if_due(self.upstream, self.term)

    def end(self, run: Run, ending: Ending) -> Polled:
        """Record how the run ended, or keep in mind that it found nothing."""
        nothing = ending.status == Status.SUCCEEDED and not run.total.elements
        if run.is_recorded or not nothing:
            self._record(run, ending)
        if not nothing:
            self._idle_run = None
        elif run.is_recorded:
            self._begin_idle_period(run.id)
        else:
            row = self._idle_run or self._begin_idle_period(run.id)
            self._poll_before = EmptyPoll(row, run.trigger, run.started, time.monotonic())
        return Polled(ending, run.popped, run.more_waiting)

    def _record(self, run: Run, ending: Ending) -> None:
        record_if_possible(run)
        record_end(run, ending)

    def _begin_idle_period(self, row: UUID) -> UUID:
        self._idle_run, self._idle_since = row, self._polled_at
        return row

    def rest(self) -> None:
        """Give up the lease if it is held, and record the poll before. Raises
        django.db.Error."""
        if self._term is None:
            return
        lease = {"name": self._term.name, "token": self._term.token}
        self._lose()
        with connection.cursor() as cursor:
            cursor.execute(_REST, self._parameters() | lease)
        self._poll_before = None

    def _parameters(self) -> dict[str, Any]:
        poll, now = self._poll_before, time.monotonic()
        about: dict[str, Any] = {"upstream": self.upstream.pk, "holder": holder_name()}
        if poll is None:
            return about | dict.fromkeys(("run", "trigger", "began", "ended", "duration"))
        times = {
            "began": now - poll.began,
            "ended": now - poll.ended,
            "duration": round((poll.ended - poll.began) * 1000),
        }
        return about | times | {"run": poll.run, "trigger": poll.trigger.value}
