"""The state of collection, for pages, JSON and the doctor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils import timezone

from management_proxy.models import Upstream
from monitoring.models import Lease
from monitoring.planned_statements import rows
from usage.models import CollectorRun

Status = CollectorRun.Status
# Without a success for this long, collection is not healthy.
HEALTHY_SECONDS = 660
_NEWEST_RUNS = """
    /* usage.collector.status */
    SELECT upstream.is_enabled, newest.started_at, newest.status,
        success.started_at, success.ended_at
    FROM management_proxy_upstream AS upstream
    LEFT JOIN LATERAL (
        SELECT * FROM usage_collectorrun AS run WHERE run.upstream_id = upstream.id
        ORDER BY run.started_at DESC LIMIT 1
    ) AS newest ON TRUE
    LEFT JOIN LATERAL (
        SELECT * FROM usage_collectorrun AS run
        WHERE run.upstream_id = upstream.id AND run.status = 'succeeded'
        ORDER BY run.started_at DESC LIMIT 1
    ) AS success ON TRUE
"""


@dataclass(frozen=True)
class UpstreamState:
    """One upstream with its lease and its last run."""

    upstream: Upstream
    lease: Lease | None
    is_held: bool
    seconds_left: float | None
    last_run: CollectorRun | None
    last_success_at: datetime | None


def upstream_states() -> list[UpstreamState]:
    """Every upstream's state, in four queries."""
    newest = CollectorRun.objects.filter(upstream=OuterRef("pk")).order_by("-started_at")
    upstreams = Upstream.objects.annotate(
        last_run_id=Subquery(newest.values("pk")[:1]),
        last_success_at=Subquery(newest.filter(status=Status.SUCCEEDED).values("ended_at")[:1]),
    )
    leases = {lease.name: lease for lease in Lease.with_state()}
    runs = CollectorRun.objects.in_bulk([u.last_run_id for u in upstreams if u.last_run_id])
    return [_state(u, leases.get(u.collect_lease), runs.get(u.last_run_id)) for u in upstreams]


def _state(upstream: Any, lease: Any, last_run: CollectorRun | None) -> UpstreamState:
    held = bool(lease and lease.is_held)
    left = (lease.expires_at - timezone.now()).total_seconds() if held else None
    return UpstreamState(upstream, lease, held, left, last_run, upstream.last_success_at)


def recent_runs(limit: int) -> list[CollectorRun]:
    """The newest runs of all upstreams."""
    return list(CollectorRun.objects.select_related("upstream")[:limit])


@dataclass(frozen=True)
class CollectorStatus:
    """The last success, and how the last run ended: `success`, `error`, `running` or `unknown`."""

    last_collected_at: datetime | None
    last_status: str


def collector_status() -> CollectorStatus:
    """The state of all upstreams together, by one query."""
    runs = _newest_runs()
    newest = [(run.started_at, run.status) for run in runs if run.started_at and run.status]
    return CollectorStatus(_last_success(runs), _word(max(newest)[1]) if newest else "unknown")


@dataclass(frozen=True)
class CollectionStatus:
    """Whether collection works, and since when; `last_status` is `idle` before the first run."""

    last_collected_at: datetime | None
    last_status: str
    error: str
    records_stored: int
    is_healthy: bool
    consecutive_failures: int
    run_id: UUID | None
    is_running: bool


def collection_status() -> CollectionStatus:
    """The same in detail."""
    last = CollectorRun.objects.order_by("-started_at").first()
    ended = CollectorRun.objects.exclude(status=Status.RUNNING).order_by("-started_at").first()
    success = _last_success(_newest_runs())
    fresh = success is not None and (timezone.now() - success).total_seconds() < HEALTHY_SECONDS
    succeeded = ended is not None and ended.status == Status.SUCCEEDED
    return CollectionStatus(
        last_collected_at=success,
        last_status=_word(last.status) if last else "idle",
        error=ended.error if ended and not succeeded else "",
        records_stored=ended.stored if ended else 0,
        is_healthy=fresh and succeeded,
        consecutive_failures=_failures_in_a_row(),
        run_id=last.id if last else None,
        is_running=bool(last and last.status == Status.RUNNING),
    )


def slowest_collected_at() -> datetime | None:
    """When the queue of the enabled upstream that was read least lately was read with success; None
    if none ever was."""
    return min(
        (run.collected_at for run in _newest_runs() if run.is_enabled and run.collected_at),
        default=None,
    )


class _NewestRun(NamedTuple):
    """The newest run of an upstream, and its newest that succeeded; None where there is none."""

    is_enabled: bool
    started_at: datetime | None
    status: str | None
    success_started_at: datetime | None
    collected_at: datetime | None


def _newest_runs() -> list[_NewestRun]:
    return [_NewestRun(*row) for row in rows(_NEWEST_RUNS, [])]


def _word(status: str) -> str:
    return {Status.RUNNING: "running", Status.SUCCEEDED: "success"}.get(Status(status), "error")


def _last_success(runs: list[_NewestRun]) -> datetime | None:
    return max(
        ((run.success_started_at, run.collected_at) for run in runs if run.success_started_at),
        default=(None, None),
    )[1]


def _failures_in_a_row() -> int:
    statuses = (
        CollectorRun.objects.exclude(status=Status.RUNNING)
        .order_by("-started_at")
        .values_list("status", flat=True)
    )
    last_success = (
        CollectorRun.objects.filter(status=Status.SUCCEEDED)
        .order_by("-started_at")
        .values("started_at")[:1]
    )
    failures = statuses.exclude(status=Status.SUCCEEDED)
    newest = last_success.first()
    return (failures.filter(started_at__gt=newest["started_at"]) if newest else failures).count()
