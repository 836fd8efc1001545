"""What the monitoring page shows of collection."""

from django.conf import settings
from django.http import HttpRequest

from management_proxy.models import Upstream
from monitoring.health import findings, troubles
from usage.collector.status import recent_runs, upstream_states
from usage.completeness.report import by_account, completeness_of, incomplete

RUNS_SHOWN = 25


def collection_context(request: HttpRequest) -> dict[str, object]:
    """What is wrong, upstreams with lease and last run, and the newest runs."""
    return {
        "findings": troubles(findings()),
        "states": upstream_states(),
        "runs": recent_runs(RUNS_SHOWN),
        "interval": settings.COLLECTOR_INTERVAL_SECONDS,
    }


def completeness_context(request: HttpRequest) -> dict[str, object]:
    """How complete collection is, by upstream, and each stretch that lacks something."""
    upstreams = list(Upstream.objects.all())
    return {
        "measured": [
            (measured, by_account(upstream))
            for upstream, measured in zip(upstreams, completeness_of(upstreams), strict=True)
        ],
        "intervals": incomplete(),
    }
