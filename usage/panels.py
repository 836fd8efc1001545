"""What the monitoring page shows of collection."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from usage.models import DeadLetter
from usage.status import recent_runs, upstream_states

RUNS_SHOWN = 25


def collection_context(request: HttpRequest) -> dict[str, Any]:
    """Upstreams with lease and last run, the newest runs, and how many dead letters wait."""
    return {
        "states": upstream_states(),
        "runs": recent_runs(RUNS_SHOWN),
        "dead_letters": DeadLetter.objects.filter(state=DeadLetter.State.PENDING).count(),
        "interval": settings.COLLECTOR_INTERVAL_SECONDS,
    }
