"""Collecting once under a lease of its own: for the command, the API, and pages that no loop
serves."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.leases import acquire, heartbeat, release
from monitoring.models import Lease
from usage.collector.drain import ingest_left_over, pull
from usage.collector.runs import Run, perform, record_end, record_start
from usage.completeness.measure import measure_if_due
from usage.ingest.attribution import Attribution
from usage.models import CollectorRun

Status = CollectorRun.Status


@dataclass(frozen=True)
class RunInProgress:
    """Another process is collecting: its run (None in the instant before it is recorded), holder
    and age in seconds."""

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
    waited_since = time.monotonic()
    term = acquire(upstream.collect_lease, settings.COLLECTOR_LEASE_TTL_SECONDS)
    if term is None:
        return run_in_progress(upstream)
    waited_ms = round((time.monotonic() - waited_since) * 1000)
    run = Run(upstream, term, Attribution(upstream), trigger, lock_wait_ms=waited_ms)
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


def run_in_progress(upstream: Upstream) -> RunInProgress:
    """What is known of the run that holds the upstream's lease."""
    run = CollectorRun.objects.filter(upstream=upstream, status=Status.RUNNING).first()
    lease = Lease.objects.filter(name=upstream.collect_lease).first()
    since = run.started_at if run else lease.acquired_at if lease else None
    age = (timezone.now() - since).total_seconds() if since else 0.0
    return RunInProgress(run.id if run else None, lease.holder if lease else "", max(age, 0.0))
