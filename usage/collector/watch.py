"""The loop's watch over one queue: a lease that is kept from look to look, and one row for all
looks of a silence.

    begin --> look --> found something, or failed --> a run with a row of its own
                  '--> found nothing --> one look more on the row of this silence, written down by
                  the next `begin` or `rest`

An idle queue is looked at every few seconds, for ever. So an empty look costs one statement, right
before its pop: it takes or renews the lease, which proves lease and database as
`usage/collector/run.py` demands, writes down the look before, and reads the upstream anew.

Invariants
* A look is written down only by a statement that finds the lease held under the token of that look.
* The lease is kept while the next look comes within KEEP_SECONDS; otherwise, and at the end, it is
  given up (`rest`), so that whoever else collects gets a turn.
* The row of a silence goes on only while nobody else can have looked in between, and no event can
  have expired between two of its looks: it says that the queue was watched from its start to its
  end.
* Whoever takes the lease from somebody dead, or after another collector, writes a row before the
  pop; and so does every run once it has something to store. A process that dies in an empty look is
  told by its lease, which nobody gave up.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection

from management_proxy.models import Upstream
from management_proxy.upstreams.registry import client_of
from monitoring.failpoints import around
from monitoring.leases import (
    ACQUIRE_SQL,
    RELEASE_SQL,
    RENEW_SQL,
    Term,
    heartbeat,
    holder_name,
    new_term,
)
from usage.collector.cadence import longest_wait
from usage.collector.run import (
    Ending,
    LeaseLost,
    Run,
    drain_and_judge,
    record_end,
    record_if_possible,
    record_start,
)
from usage.completeness.measure import measure_if_due
from usage.ingest.attribution import Attribution
from usage.models import CollectorRun

logger = logging.getLogger(__name__)

Status = CollectorRun.Status
# Between looks farther apart, others get their turn.
KEEP_SECONDS = 4.0
LONGEST_SILENCE = timedelta(hours=1)

_WRITE_DOWN = """
INSERT INTO usage_collectorrun AS run (
    id, upstream_id, trigger, holder, token, status, started_at, ended_at, duration_ms,
    lock_wait_ms, popped, stored, duplicates, dead_lettered, pages, looks, failure_class, error
)
SELECT %(run)s, %(upstream)s, %(trigger)s, %(holder)s, term.token, 'succeeded',
    clock_timestamp() - make_interval(secs => %(began)s), clock_timestamp() - make_interval(secs => %(ended)s), %(duration)s,
    0, 0, 0, 0, 0, 1, 1, '', ''
FROM term WHERE %(run)s::uuid IS NOT NULL
ON CONFLICT (id) DO UPDATE SET
    ended_at = greatest(run.ended_at, excluded.ended_at), duration_ms = excluded.duration_ms, token = excluded.token,
    pages = run.pages + 1, looks = run.looks + 1
"""
_BEGIN = f"""
WITH term AS ({{term}}), look_before AS ({_WRITE_DOWN})
SELECT upstream.*, term.token AS lease_token, term.taken_from AS lease_taken_from, clock_timestamp() AS asked_at
FROM management_proxy_upstream AS upstream LEFT JOIN term ON true WHERE upstream.id = %(upstream)s
"""
_KEEP = f"/* usage.collector.watch.begin */ {_BEGIN.format(term=RENEW_SQL)}"
_TAKE = f"/* usage.collector.watch.begin */ {_BEGIN.format(term=ACQUIRE_SQL)}"
_REST = f"/* usage.collector.watch.rest */ WITH term AS ({RELEASE_SQL}) {_WRITE_DOWN}"


@dataclass(frozen=True)
class Look:
    """A look that found nothing and is not written down yet; monotonic seconds."""

    run: UUID
    trigger: CollectorRun.Trigger
    began: float
    ended: float


class Looked(NamedTuple):
    """What came of a look."""

    ending: Ending
    popped: int
    more_waiting: bool


class Watch:
    """One thread's watch over one upstream's queue; `upstream` is read anew by every `begin`."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.attribution = Attribution(upstream)
        self._term: Term | None = None
        self._last_token: int | None = None
        self._asked_at: datetime | None = None
        self._must_record = True
        self._silence: UUID | None = None
        self._silence_began: datetime | None = None
        self._look_before: Look | None = None
        self._measure_at = 0.0

    @property
    def term(self) -> Term:
        """The lease that is held; raises LeaseLost without one."""
        if self._term is None:
            raise LeaseLost
        return self._term

    def begin(self) -> bool:
        """Keep the lease, or take it; False while somebody else collects. Raises django.db.Error,
        Upstream.DoesNotExist."""
        return self.keep() or self._ask(_TAKE)

    def keep(self) -> bool:
        """Renew the lease that is held; False if none is, or not any more."""
        return self._term is not None and self._ask(_KEEP)

    def _ask(self, sql: str) -> bool:
        started, term = time.monotonic(), self._term
        name, ttl, token = (
            self.upstream.collect_lease,
            settings.COLLECTOR_LEASE_TTL_SECONDS,
            term.token if term else None,
        )
        with around("lease renewal"):
            found: list[Any] = list(
                Upstream.with_removed.raw(
                    sql, self._parameters() | {"name": name, "ttl": ttl, "token": token}
                )
            )
        self._look_before = None
        if not found:
            raise Upstream.DoesNotExist
        self.upstream = found[0]
        if found[0].lease_token is None:
            self._lose()
            return False
        if term:
            term.extend(started)
        else:
            term = new_term(
                name, found[0].lease_token, holder_name(), ttl, started, found[0].lease_taken_from
            )
        self._begin_term(term, found[0].asked_at)
        return True

    def _lose(self) -> None:
        if self._term:
            self._term.distrust()
        self._term = None

    def _begin_term(self, term: Term, asked_at: datetime) -> None:
        follows = self._term is term or (term.token - 1 == self._last_token and not term.taken_from)
        within = self._asked_at and asked_at - self._asked_at <= timedelta(
            seconds=2 * longest_wait(self.upstream.retention_seconds)
        )
        if (
            not follows
            or not within
            or not self._silence_began
            or asked_at - self._silence_began > LONGEST_SILENCE
        ):
            self._silence = None
        self._must_record = self._must_record or not follows
        self._term, self._last_token, self._asked_at = term, term.token, asked_at

    def run(self, trigger: CollectorRun.Trigger) -> Run:
        """A new run under the lease, with a row if it must have one from the start. Raises
        LeaseLost."""
        run = Run(self.upstream, self.term, self.attribution, trigger)
        if self._must_record:
            record_start(run)
            self._must_record = False
        return run

    def look(self, trigger: CollectorRun.Trigger, should_stop: Callable[[], bool]) -> Looked:
        """Collect once after `begin`. Raises LeaseLost, django.db.Error."""
        with heartbeat(self.term):
            run = self.run(trigger)
            ending = drain_and_judge(run, client_of, should_stop)
            if ending.status == Status.SUCCEEDED and not run.more_waiting:
                self.measure_if_due()
            return self.end(run, ending)

    def measure_if_due(self) -> None:
        """Measure completeness now and then."""
        if time.monotonic() >= self._measure_at:
            self._measure_at = time.monotonic() + measure_if_due(self.upstream, self.term)

    def end(self, run: Run, ending: Ending) -> Looked:
        """Write down how the run ended, or remember that it found nothing."""
        nothing = ending.status == Status.SUCCEEDED and not run.total.elements
        if run.is_recorded or not nothing:
            self._record(run, ending)
        if not nothing:
            self._silence = None
        elif run.is_recorded:
            self._begin_silence(run.id)
        else:
            row = self._silence or self._begin_silence(run.id)
            self._look_before = Look(row, run.trigger, run.started, time.monotonic())
        return Looked(ending, run.popped, run.more_waiting)

    def _record(self, run: Run, ending: Ending) -> None:
        record_if_possible(run)
        record_end(run, ending)

    def _begin_silence(self, row: UUID) -> UUID:
        self._silence, self._silence_began = row, self._asked_at
        return row

    def rest(self) -> None:
        """Give up the lease if it is held, and write down the look before. Raises
        django.db.Error."""
        if self._term is None:
            return
        lease = {"name": self._term.name, "token": self._term.token}
        self._lose()
        with connection.cursor() as cursor:
            cursor.execute(_REST, self._parameters() | lease)
        self._look_before = None

    def _parameters(self) -> dict[str, Any]:
        look, now = self._look_before, time.monotonic()
        about: dict[str, Any] = {"upstream": self.upstream.pk, "holder": holder_name()}
        if look is None:
            return about | dict.fromkeys(("run", "trigger", "began", "ended", "duration"))
        times = {
            "began": now - look.began,
            "ended": now - look.ended,
            "duration": round((look.ended - look.began) * 1000),
        }
        return about | times | {"run": look.run, "trigger": look.trigger.value}
