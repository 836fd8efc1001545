"""Runs as JSON, the same for the API, the command and the status."""

from monitoring.api.instants import iso_with_offset
from usage.collector.collect import RunInProgress
from usage.models import CollectorRun


def run_summary(outcome: CollectorRun | RunInProgress) -> dict[str, object]:
    """The public form of a finished run or of one that is in progress; instants are ISO 8601,
    durations milliseconds."""
    if isinstance(outcome, RunInProgress):
        return {
            "status": "in_progress",
            "runId": str(outcome.run_id) if outcome.run_id else None,
            "holder": outcome.holder,
            "ageSeconds": round(outcome.age_seconds, 1),
        }
    return {
        "status": outcome.status,
        "runId": str(outcome.id),
        "trigger": outcome.trigger,
        "holder": outcome.holder,
        "startedAt": iso_with_offset(outcome.started_at),
        "endedAt": iso_with_offset(outcome.ended_at),
        "durationMs": outcome.duration_ms,
        "lockWaitMs": outcome.lock_wait_ms,
        "popped": outcome.popped,
        "stored": outcome.stored,
        "duplicates": outcome.duplicates,
        "deadLettered": outcome.dead_lettered,
        "pages": outcome.pages,
        "failureClass": outcome.failure_class or None,
        "error": outcome.error or None,
    }
