"""One pass over one upstream's queue: lease, spool, drain, ingest, record the run, release.

States of a run: running -> succeeded | failed | lease_lost; `abandoned` is what the next holder
calls a run whose process died. A run exists only under a lease; its row is written only in
transactions that first fence the lease's token, so a holder that was frozen past its TTL can
neither overwrite the state nor pop again. What it had popped is stored all the same: events are
idempotent and need no fence. The loop's looks are recorded once they find something
(`usage/collector/watch.py`).

Order within a page, each step before the next
    1. the lease is trusted and renewed, which also proves that the database answers: we never pop
       what we cannot store
    2. the page is received into the spool, chunk by chunk, synced, and parsed
    3. it is stored in one transaction, and then removed from the spool
A broken answer (step 2) leaves what arrived in the spool; it is stored at once, and the run fails
with the reason. While a page is in step 3, steps 1 and 2 of the next go on in a thread; no more
than these two pages are ever in hand.
"""

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now
from django.utils import timezone

from management_proxy.client.client import ManagementClient
from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.observation import observe
from management_proxy.upstreams.registry import client_for
from monitoring.failpoints import around, failpoint
from monitoring.leases import Term, acquire, fence, heartbeat, release, renew
from monitoring.models import Lease
from usage.collector import spool
from usage.collector.fetch import FIRST_COUNT, Fetching, Page, fetch
from usage.completeness.measure import measure_if_due
from usage.ingest.attribution import Attribution
from usage.ingest.store import Ingested, ingest, store
from usage.models import CollectorRun

logger = logging.getLogger(__name__)

Status = CollectorRun.Status
# The database's clock, as for leases: hosts whose clocks disagree collect from one upstream.
_NOW = Greatest(Now(), F("started_at"))
# How often the upstream's switch and retention are read again.
SETTINGS_EVERY_SECONDS = 60


@dataclass(frozen=True)
class RunInProgress:
    """Somebody else is collecting: their run (None in the instant before it is recorded), holder
    and its age in seconds."""

    run_id: UUID | None
    holder: str
    age_seconds: float


class Ending(NamedTuple):
    """How a run ended, and why if it did not succeed."""

    status: CollectorRun.Status
    failure_class: str = ""
    error: str = ""


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


class LeaseLost(Exception):
    """The lease ran out or was taken away; expected, and never shown to anybody."""


def collect(upstream: Upstream, trigger: CollectorRun.Trigger) -> CollectorRun | RunInProgress:
    """Drain the queue of one upstream once; a caller who finds a run in progress is told so.

    Upstream and spool failures end in the run's status, class and error. Raises django.db.Error if
    the database is gone.
    """
    return _under_lease(upstream, trigger, _drain_and_measure)


def store_left_over(upstream: Upstream) -> CollectorRun | RunInProgress:
    """A run that only stores what waits in the spool of this host, also of an upstream that is
    paused or removed."""
    return _under_lease(upstream, CollectorRun.Trigger.LOOP, _store_and_judge)


def _under_lease(
    upstream: Upstream, trigger: CollectorRun.Trigger, work: Callable[[Run], Ending]
) -> CollectorRun | RunInProgress:
    waited_since = time.monotonic()
    term = acquire(upstream.collect_lease, settings.COLLECTOR_LEASE_TTL_SECONDS)
    if term is None:
        return run_in_progress(upstream)
    run = Run(
        upstream,
        term,
        Attribution(upstream),
        trigger,
        lock_wait_ms=round((time.monotonic() - waited_since) * 1000),
    )
    try:
        with heartbeat(term):
            record_start(run)
            record_end(run, work(run))
    finally:
        release(term)
    return CollectorRun.objects.get(pk=run.id)


def _drain_and_measure(run: Run) -> Ending:
    ending = drain_and_judge(run, client_for)
    if ending.status == Status.SUCCEEDED and not run.more_waiting:
        measure_if_due(run.upstream, run.term)
    return ending


def _store_and_judge(run: Run) -> Ending:
    try:
        ingest_left_over(run)
    except spool.SpoolError as error:
        return ending_by(error)
    return Ending(Status.SUCCEEDED)


def run_in_progress(upstream: Upstream) -> RunInProgress:
    """What is known of the run that holds the upstream's lease."""
    run = CollectorRun.objects.filter(upstream=upstream, status=Status.RUNNING).first()
    lease = Lease.objects.filter(name=upstream.collect_lease).first()
    since = run.started_at if run else lease.acquired_at if lease else None
    age = (timezone.now() - since).total_seconds() if since else 0.0
    return RunInProgress(run.id if run else None, lease.holder if lease else "", max(age, 0.0))


def record_start(run: Run) -> None:
    """Write down that the run goes on; raises LeaseLost."""
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
    """Whoever left a run or its lease behind is dead or fenced off; a look of the loop may have had
    no row yet."""
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


def drain_and_judge(
    run: Run,
    client_by: Callable[[Upstream], ManagementClient],
    should_stop: Callable[[], bool] = lambda: False,
) -> Ending:
    """Store what is left over, drain the queue, and say how that ended. Raises django.db.Error."""
    try:
        ingest_left_over(run)
        drain(run, client_by(run.upstream), should_stop)
    except (UpstreamError, spool.SpoolError, LeaseLost) as error:
        return ending_by(error)
    return Ending(Status.SUCCEEDED)


def ending_by(error: UpstreamError | spool.SpoolError | LeaseLost) -> Ending:
    """How a run ends that this ended."""
    if isinstance(error, LeaseLost):
        return Ending(
            Status.LEASE_LOST, "internal", "the lease ran out or was released while the run went on"
        )
    return Ending(
        Status.FAILED,
        error.failure_class if isinstance(error, UpstreamError) else "internal",
        str(error),
    )


def ingest_left_over(run: Run) -> None:
    """Store the pages that a dead process of this host left in the spool."""
    for file in spool.left_over(run.upstream.pk):
        run.total += ingest(file.read(), file.name, run.upstream, run.attribution)
        file.remove()


def drain(run: Run, client: ManagementClient, should_stop: Callable[[], bool]) -> None:
    """Pop and store pages until a short one. Raises UpstreamError, SpoolError, LeaseLost."""
    _observe_settings(run.upstream, client)
    budget_ends = run.started + settings.COLLECTOR_TIME_BUDGET_SECONDS
    most = settings.COLLECTOR_PAGE_SIZE
    fetch_page = partial(fetch, client, run.upstream.pk)
    if not (run.term.was_just_renewed or _may_pop(run)):
        raise LeaseLost
    page = fetch_page(min(FIRST_COUNT, most))
    while True:
        run.more_waiting = page.is_full
        goes_on = (
            run.more_waiting
            and not page.failure
            and not should_stop()
            and time.monotonic() < budget_ends
        )
        following = (
            Fetching(partial(fetch_page, page.next_count(most)))
            if goes_on and _may_pop(run)
            else None
        )
        _store_page(run, page, following)
        if following is None:
            if goes_on:
                raise LeaseLost
            return
        page = following.page()


def _may_pop(run: Run) -> bool:
    return run.term.is_trusted and renew(run.term)


def _store_page(run: Run, page: Page, following: Fetching | None) -> None:
    """Store a page and forget its file; raises what ended its pop early."""
    run.pages += 1
    with page.file:
        try:
            if page.elements:
                record_if_possible(run)
                ingested = store(
                    page.entries, page.rejects, page.file.name, run.upstream, run.attribution
                )
                run.popped += ingested.elements
                run.total += ingested
            page.file.remove()
        except BaseException:
            if following:
                following.leave_behind()
            raise
    if page.failure:
        raise page.failure


def record_if_possible(run: Run) -> None:
    """Write down that the run goes on, unless that was done; what was popped is stored also without
    a lease."""
    if not run.is_recorded:
        with contextlib.suppress(LeaseLost):
            record_start(run)


def _observe_settings(upstream: Upstream, client: ManagementClient) -> None:
    seen = upstream.observed_at
    if seen and (timezone.now() - seen).total_seconds() < SETTINGS_EVERY_SECONDS:
        return
    observe(upstream, client)


def record_end(run: Run, ending: Ending) -> None:
    """Write down how the run ended, if its term is still current."""
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
    # Only what happened is worth a line.
    level = (
        logging.WARNING
        if ending.status != Status.SUCCEEDED
        else logging.INFO
        if run.total.elements
        else logging.DEBUG
    )
    logger.log(
        level,
        "Collector run ended",
        extra={
            "run_id": str(run.id),
            "upstream": run.upstream.name,
            "status": ending.status.value,
            **counts,
            "duration_ms": duration,
            "failure_class": ending.failure_class,
            "error": ending.error,
            "recorded": still_ours,
        },
    )
