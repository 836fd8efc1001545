"""The pages of the management proxy, for staff: its traffic, and the table of what it lets
through."""

from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from management_proxy.models import Upstream
from management_proxy.proxy.rules.policies import NEVER, POLICIES
from management_proxy.proxy.rules.policy_descriptions import Row, row_of
from management_proxy.traffic.queries import WINDOWS, report
from monitoring.metrics.registry import summed
from monitoring.web.regions import page_or_region
from monitoring.web.roles import staff_only


@require_GET
@never_cache
@staff_only
def traffic(request: HttpRequest) -> HttpResponse:
    """Rates, latencies by phase and refusals of a window, or the polled region when htmx asks."""
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
    return render(request, page_or_region(request, "management_proxy/traffic.html"), context)


def _in_flight(upstream: str) -> int:
    """Calls that hold a slot now, of all workers of this server."""
    held: Counter[str] = Counter()
    for labels, value in summed("management_proxy_in_flight"):
        held[labels["upstream"]] += int(value)
    return held[upstream] if upstream else held.total()


@require_GET
@never_cache
@staff_only
def policies(request: HttpRequest) -> HttpResponse:
    """Every row of the table in words; `q` keeps those that hold all of its words."""
    asked = request.GET.get("q", "")[:200]
    wanted = asked.casefold().split()
    rows: list[Row] = [
        row for row in map(row_of, POLICIES) if all(word in row.text for word in wanted)
    ]
    never = [
        (route, why)
        for route, why in NEVER.items()
        if all(word in f"{route} {why} never passes".casefold() for word in wanted)
    ]
    return render(
        request,
        "management_proxy/policies.html",
        {"rows": rows, "never": never, "asked": asked, "row_count": len(POLICIES)},
    )
