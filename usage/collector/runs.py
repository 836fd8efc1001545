"""A run of the collector: its states, how it is performed, and how it is recorded.

States of a run: running -> succeeded | failed | lease_lost; `abandoned` is what the next holder
calls a run whose process died. A run exists only under a lease; its row is written only in
transactions that first fence the lease's token, so a holder that was frozen past its TTL can
neither overwrite the state nor pop again. What it had popped is stored all the same: events are
idempotent and need no fence. The loop's polls are recorded once they find something
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
from typing import NamedTuple, TypeVar
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from monitoring.failpoints import around, failpoint
from monitoring.leases import LeaseLost, Term, fence
from monitoring.masking import masked_text
from usage import log_kinds as kinds
from usage.collector.spool import SpoolError
from usage.ingest.attribution import Attribution
from usage.ingest.store import Ingested
from usage.models import CollectorRun

logger = logging.getLogger(__name__)
Status = CollectorRun.Status
T = TypeVar("T")
# The database's clock, as for leases: hosts whose clocks disagree collect from one upstream.
_NOW = Greatest(Now(), F("started_at"))


class Ending(NamedTuple):
    """How a run ended, and why if it did not succeed."""

    status: CollectorRun.Status
    failure_class: str = ""
    error: str = ""


LOST_LEASE = Ending(
    Status.LEASE_LOST, "internal", "the lease ran out or was released while the run went on"
)


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
    ending = Ending(Status.SUCCEEDED)
    try:
        work(run)
    except (UpstreamError, SpoolError, LeaseLost) as error:
        ending = _ending_by(error)
    return end(run, ending)


def record_start(run: Run) -> None:
    """Record that the run has started; raises LeaseLost."""
    with around("run start"), transaction.atomic():
        if not fence(run.term):
            raise LeaseLost
        _record_abandoned(run)
        CollectorRun.objects.create(
            id=run.id,
            upstream=run.upstream,
            trigger=run.trigger,
            holder=run.term.holder,
            token=run.term.token,
            started_at=Now(),
            lock_wait_ms=run.lock_wait_ms,
        )
        failpoint("run start written")
    run.is_recorded = True


def _record_abandoned(run: Run) -> None:
    """A process that left a run or its lease behind is dead or fenced off; a poll of the loop may
    have had no row yet."""
    abandoned = {
        "status": Status.ABANDONED,
        "failure_class": "internal",
        "error": "the process that ran it ended or lost its lease",
    }
    left = CollectorRun.objects.filter(upstream=run.upstream, status=Status.RUNNING).update(
        **abandoned, ended_at=_NOW
    )
    if not left and run.term.taken_from not in ("", run.term.holder):
        CollectorRun.objects.create(
            upstream=run.upstream,
            trigger=run.trigger,
            holder=run.term.taken_from,
            token=run.term.token - 1,
            started_at=Now(),
            ended_at=Now(),
            looks=0,
            **abandoned,
        )


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
