"""`/metrics` for Prometheus."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from monitoring.api.access import bears
from monitoring.metrics.registry import exposition


@require_GET
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything that is counted: for the bearer of `METRICS_TOKEN`, or a staff session."""
    if bears(request, settings.METRICS_TOKEN) or request.user.is_staff:
        return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
    if request.user.is_authenticated:
        return HttpResponse("Metrics are for staff.\n", status=403, content_type="text/plain")
    refusal = (
        "Send METRICS_TOKEN as a bearer token.\n"
        if settings.METRICS_TOKEN
        else "Set METRICS_TOKEN to let a scraper in.\n"
    )
    return HttpResponse(
        refusal,
        status=401,
        content_type="text/plain",
        headers={"WWW-Authenticate": 'Bearer realm="metrics"'},
    )
