"""Collecting once under a lease of its own: for the command, the API, and pages that no loop
serves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.leases import heartbeat, release
from monitoring.models import Lease
from usage.collector.drain import ingest_left_over, pull
from usage.collector.runs import Run, perform, record_end, record_start, take
from usage.completeness.measure import measure_if_due
from usage.ingest.attribution import Attribution
from usage.models import CollectorRun

Status = CollectorRun.Status


@dataclass(frozen=True)
class RunInProgress:
    """Another process is collecting: its run (whose row may follow within the instant; None only
    of a release of Tollgate that named none), holder and age in seconds."""

    run_id: UUID | None
    holder: str
    age_seconds: float


def collect(upstream: Upstream, trigger: CollectorRun.Trigger) -> CollectorRun | RunInProgress:
    """Drain the queue of one upstream once; a run that is in progress is returned instead.

    Upstream and spool failures end in the run's status, class and error. Raises LeaseLost if the
    lease is taken away before the run is recorded, and django.db.Error if the database is gone.
    """
    return _under_lease(upstream, trigger, _pull_and_measure)


def store_left_over(upstream: Upstream) -> CollectorRun | RunInProgress:
    """A run that only stores what waits in the spool of this host, also of an upstream that is
    paused or removed."""
    return _under_lease(upstream, CollectorRun.Trigger.LOOP, ingest_left_over)


def _under_lease(
    upstream: Upstream, trigger: CollectorRun.Trigger, work: Callable[[Run], None]
) -> CollectorRun | RunInProgress:
    waited_since, run_id = time.monotonic(), uuid4()
    while (term := take(upstream, run_id)) is None:
        if busy := run_in_progress(upstream):
            return busy
    waited_ms = round((time.monotonic() - waited_since) * 1000)
    run = Run(upstream, term, Attribution(upstream), trigger, id=run_id, lock_wait_ms=waited_ms)
    try:
        with heartbeat(term):
            record_start(run)
            perform(run, work, record_end)
    finally:
        release(term)
    return CollectorRun.objects.get(pk=run.id)


def _pull_and_measure(run: Run) -> None:
    pull(run, client_for)
    if not run.more_waiting:
        measure_if_due(run.upstream, run.term)


def run_in_progress(upstream: Upstream) -> RunInProgress | None:
    """The run that the upstream's lease is held for; None if it is held no more."""
    lease: Any = Lease.with_state().filter(name=upstream.collect_lease).first()
    if lease is None or not lease.is_held:
        return None
    run = CollectorRun.objects.filter(pk=lease.work_id, status=Status.RUNNING).first()
    # The loop keeps its lease from poll to poll, and renews it at the start of each.
    since = run.started_at if run else lease.renewed_at
    age = (timezone.now() - since).total_seconds() if since else 0.0
    return RunInProgress(lease.work_id, lease.holder, max(age, 0.0))
