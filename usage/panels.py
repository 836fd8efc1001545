"""What the monitoring page shows of collection."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from monitoring.health import findings, troubles
from usage.status import recent_runs, upstream_states

RUNS_SHOWN = 25


def collection_context(request: HttpRequest) -> dict[str, Any]:
    """What is wrong, upstreams with lease and last run, and the newest runs."""
    return {
        "findings": troubles(findings()),
        "states": upstream_states(),
        "runs": recent_runs(RUNS_SHOWN),
        "interval": settings.COLLECTOR_INTERVAL_SECONDS,
    }
