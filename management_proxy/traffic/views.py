"""The page of the management proxy's traffic, for staff."""

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from management_proxy.models import Upstream
from management_proxy.traffic.queries import WINDOWS, report
from monitoring.metrics.registry import summed
from monitoring.web.regions import polled_page
from monitoring.web.roles import staff_only


@require_GET
@never_cache
@staff_only
def traffic(request: HttpRequest) -> HttpResponse:
    """Rates, latencies by phase and refusals of a window, or the polled region for htmx."""
    chosen = request.GET.get("window", "1h")
    upstreams = list(Upstream.objects.values_list("name", flat=True))
    upstream = request.GET.get("upstream", "")
    context: dict[str, Any] = {
        "windows": WINDOWS,
        "chosen": chosen,
        "upstreams": upstreams,
        "upstream": upstream,
        "as_of": timezone.now(),
    }
    if chosen not in WINDOWS or (upstream and upstream not in upstreams):
        return render(
            request, "management_proxy/traffic.html", {**context, "report": None}, status=400
        )
    context |= {"report": report(WINDOWS[chosen], upstream), "in_flight": _in_flight(upstream)}
    return polled_page(request, "management_proxy/traffic.html", context)


def _in_flight(upstream: str) -> int:
    """Calls that hold a slot now, of all workers of this server."""
    held: Counter[str] = Counter()
    for labels, value in summed("management_proxy_in_flight"):
        held[labels["upstream"]] += int(value)
    return held[upstream] if upstream else held.total()
