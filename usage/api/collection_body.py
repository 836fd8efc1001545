"""The body of `GET /api/usage/collection-status`, and the parts of it that other bodies share."""

from management_proxy.models import Upstream
from monitoring.api.instants import iso_with_offset
from usage.collector.status import CollectorStatus, collection_status
from usage.completeness.report import Completeness, completeness_of, incomplete
from usage.models.completeness import CompletenessInterval


def collection_body() -> dict[str, object]:
    """Whether collection works, and since when."""
    status = collection_status()
    return {
        "success": True,
        "lastCollectedAt": iso_with_offset(status.last_collected_at),
        "lastStatus": status.last_status,
        "errorMessage": status.error or None,
        "recordsStored": status.records_stored,
        "isHealthy": status.is_healthy,
        "consecutiveFailures": status.consecutive_failures,
        "runId": str(status.run_id) if status.run_id else None,
        "isRunning": status.is_running,
    }


def collector_body(status: CollectorStatus) -> dict[str, str]:
    """The `collectorStatus` of the history contract."""
    return {
        "lastCollectedAt": iso_with_offset(status.last_collected_at) or "",
        "lastStatus": status.last_status,
    }


def completeness_body() -> list[dict[str, object]]:
    """Of each upstream: sums, share, and the intervals that lack something."""
    intervals, upstreams = incomplete(), list(Upstream.objects.all())
    return [
        _upstream(measured, [i for i in intervals if i.upstream == upstream])
        for upstream, measured in zip(upstreams, completeness_of(upstreams), strict=True)
    ]


def _upstream(measured: Completeness, intervals: list[CompletenessInterval]) -> dict[str, object]:
    return {
        "upstream": measured.upstream,
        "counted": measured.counted,
        "stored": measured.stored,
        "lost": measured.lost,
        "unrecorded": measured.unrecorded,
        "collectedShare": round(measured.share, 6) if measured.share is not None else None,
        "measuredSince": iso_with_offset(measured.measured_since),
        "measuredUntil": iso_with_offset(measured.measured_until),
        "intervals": [_interval(interval) for interval in intervals],
    }


def _interval(interval: CompletenessInterval) -> dict[str, object]:
    return {
        "from": iso_with_offset(interval.started_at),
        "to": iso_with_offset(interval.ended_at),
        "counted": interval.counted,
        "stored": interval.stored,
        "missing": interval.missing,
        "isLoss": interval.is_loss,
        "cause": interval.cause,
        "detail": interval.detail,
    }
