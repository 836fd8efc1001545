"""A run of the collector: its states, how it is performed, and how it is recorded.

States of a run: running -> succeeded | failed | lease_lost; `abandoned` is what the next holder
calls a run whose process died. A run exists only under a lease; its row is written only in
transactions that first fence the lease's token, so a holder that was frozen past its TTL can
neither overwrite the state nor pop again. What it had popped is stored all the same: events are
idempotent and need no fence. A death is recorded by the transaction that takes the dead one's
lease (`take`), so exactly once. The loop's polls are recorded once they find something
(`usage/collector/poller.py`).

Three callers drive runs, all by `perform`: one collection under a lease of its own
(`usage/collector/collect.py`), a poll of the loop (`usage/collector/poller.py`), and a stretch of
a subscription (`usage/collector/push.py`). They differ in the work and in how its end is recorded.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import UpstreamError
from management_proxy.models import CollectionMode, Upstream
from monitoring.failpoints import around, failpoint
from monitoring.leases import LeaseLost, Term, acquire, bounded_transaction, fence, show_work
from monitoring.masking import masked_text
from monitoring.texts.recorded import Recorded
from monitoring.tracing.spans import span
from usage import log_kinds as kinds
from usage.collector.metrics import count_run
from usage.collector.spool import SpoolError
from usage.ingest.attribution import Attribution
from usage.ingest.store import Ingested
from usage.models import CollectorRun

logger = logging.getLogger(__name__)
Status = CollectorRun.Status
T = TypeVar("T")
# The database's clock, as for leases: hosts whose clocks disagree collect from one upstream.
_NOW = Greatest(Now(), F("started_at"))
# The spool's names are of this host's clock, runs of the database's.
CLOCKS_DIFFER = timedelta(seconds=5)
_DIED = Recorded(_("the process that ran it ended or lost its lease"))
_CUT = Recorded(_("the process ended while a page was on its way"))
_LEASE_LOST = Recorded(_("the lease ran out or was released while the run went on"))
_ABANDONED = {
    "status": Status.ABANDONED,
    "failure_class": "internal",
    "error": _DIED(),
}


class Ending(NamedTuple):
    """How a run ended, and why if it did not succeed."""

    status: CollectorRun.Status
    failure_class: str = ""
    error: str = ""


SUCCEEDED = Ending(Status.SUCCEEDED)
LOST_LEASE = Ending(Status.LEASE_LOST, "internal", _LEASE_LOST())


@dataclass
class Run:
    """A pass as it goes: counts so far, and whether the last page was full, so that more is
    waiting."""

    upstream: Upstream
    term: Term
    attribution: Attribution
    trigger: CollectorRun.Trigger
    id: UUID = field(default_factory=uuid4)
    started: float = field(default_factory=time.monotonic)
    lock_wait_ms: int = 0
    is_recorded: bool = False
    pages: int = 0
    popped: int = 0
    total: Ingested = field(default_factory=Ingested)
    more_waiting: bool = False


def perform(run: Run, work: Callable[[Run], None], end: Callable[[Run, Ending], T]) -> T:
    """Do the work of a run and pass how that ended to `end`, which records it.

    What the upstream, the spool or the lease refuses is an ending. django.db.Error passes through:
    nothing can be recorded then, and the next holder records the run as abandoned.
    """
    about = {
        "tollgate.upstream": run.upstream.name,
        "tollgate.trigger": run.trigger.value,
        "tollgate.run_id": str(run.id),
    }
    with span("collector run", about) as traced:
        ending = SUCCEEDED
        try:
            work(run)
        except (UpstreamError, SpoolError, LeaseLost) as error:
            ending = _ending_by(error)
        count_run(run, ending)
        traced.note({"tollgate.status": ending.status.value}, failed=ending != SUCCEEDED)
        return end(run, ending)


def take(upstream: Upstream, work: UUID) -> Term | None:
    """The upstream's collect lease, taken for the run `work`; None while another process holds it.

    What a dead holder left behind is recorded in the same transaction: once, whoever dies next.
    """
    ttl = settings.COLLECTOR_LEASE_TTL_SECONDS
    with bounded_transaction(ttl):
        term = acquire(upstream.collect_lease, ttl, work)
        if term:
            record_takeover(upstream, term)
    return term


def record_takeover(upstream: Upstream, term: Term) -> None:
    """Record the death of the holder that a lease was just taken from, in the transaction that took
    it: its run if it has a row, else a row without a poll, since an empty one has none."""
    if not _abandon_running(upstream) and term.taken_from not in ("", term.holder):
        pushes = upstream.collection_mode == CollectionMode.PUSH
        CollectorRun.objects.create(
            upstream=upstream,
            trigger=CollectorRun.Trigger.PUSH if pushes else CollectorRun.Trigger.LOOP,
            holder=term.taken_from,
            token=term.token - 1,
            started_at=Now(),
            ended_at=Now(),
            looks=0,
            **_ABANDONED,
        )


def _abandon_running(upstream: Upstream) -> int:
    running = CollectorRun.objects.filter(upstream=upstream, status=Status.RUNNING)
    return running.update(**_ABANDONED, ended_at=_NOW)


def record_cut_page(upstream: Upstream, written_at: datetime) -> None:
    """Note on the first run abandoned since that a page was on its way when its process died; the
    page was left in the spool, unfinished."""
    since = written_at - CLOCKS_DIFFER
    found = CollectorRun.objects.filter(
        upstream=upstream, status=Status.ABANDONED, ended_at__gte=since
    ).order_by("ended_at")
    CollectorRun.objects.filter(pk__in=found.values("pk")[:1]).update(
        failure_class="connection", error=_CUT()
    )


def record_start(run: Run) -> None:
    """Record that the run has started; raises LeaseLost."""
    with around("run start"), transaction.atomic():
        if not fence(run.term):
            raise LeaseLost
        # One of this very holder, whose end the database did not take.
        _abandon_running(run.upstream)
        CollectorRun.objects.create(
            id=run.id,
            upstream=run.upstream,
            trigger=run.trigger,
            holder=run.term.holder,
            token=run.term.token,
            started_at=Now(),
            lock_wait_ms=run.lock_wait_ms,
        )
        show_work(run.term, run.id)
        failpoint("run start written")
    run.is_recorded = True


def _ending_by(error: UpstreamError | SpoolError | LeaseLost) -> Ending:
    if isinstance(error, LeaseLost):
        return LOST_LEASE
    return Ending(
        Status.FAILED,
        error.failure_class if isinstance(error, UpstreamError) else "internal",
        str(error),
    )


def record_if_possible(run: Run) -> None:
    """Record that the run has started unless that was done; what was popped is stored also without
    a lease."""
    if not run.is_recorded:
        with contextlib.suppress(LeaseLost):
            record_start(run)


def record_end(run: Run, ending: Ending) -> None:
    """Record how the run ended, if its term is still current."""
    duration = round((time.monotonic() - run.started) * 1000)
    counts = {
        "pages": run.pages,
        "popped": run.popped,
        "stored": run.total.stored,
        "duplicates": run.total.duplicates,
        "dead_lettered": run.total.dead_lettered,
    }
    with around("run end"), transaction.atomic():
        still_ours = fence(run.term)
        if still_ours:
            CollectorRun.objects.filter(pk=run.id).update(
                status=ending.status,
                ended_at=_NOW,
                duration_ms=duration,
                failure_class=ending.failure_class,
                error=ending.error[:500],
                **counts,
            )
        failpoint("run end written")
    _log_end(run, ending, counts, duration, is_recorded=still_ours)


def _log_end(
    run: Run, ending: Ending, counts: dict[str, int], duration: int, *, is_recorded: bool
) -> None:
    # Only what happened is worth a line.
    level = (
        logging.WARNING
        if ending.status != Status.SUCCEEDED
        else logging.INFO
        if run.total.elements
        else logging.DEBUG
    )
    kinds.RUN_ENDED.log(
        logger,
        level,
        run_id=str(run.id),
        upstream=run.upstream.name,
        trigger=run.trigger.value,
        holder=run.term.holder,
        lock_wait_ms=run.lock_wait_ms,
        status=ending.status.value,
        processed=run.total.elements,
        skipped=run.total.elements - run.total.stored,
        **counts,
        duration_ms=duration,
        failure_class=ending.failure_class,
        error=masked_text(ending.error),
        recorded=is_recorded,
    )
