"""The pages of changes and of drift."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.upstreams.registry import client_for
from monitoring.web.regions import page_or_region
from monitoring.web.roles import staff_only, user_of
from providers.drift.actions import Direction, find_difference, mend
from providers.drift.queries import check_drift
from providers.errors import ChangeRefused
from providers.funnel.queries import visible_intents, waiting_places
from providers.funnel.writes import finish_waiting
from providers.models import DriftCheck, Intent
from providers.web.pages import back_to, chosen_upstream, tell, upstreams

SHOWN = 100
FILTERS = (("", "All"), ("open", "Not settled"), ("failed", "Failed"))


@require_GET
@never_cache
@login_required
def changes(request: HttpRequest) -> HttpResponse:
    """The newest changes that the user may see, or the polled region when htmx asks."""
    upstream, chosen = chosen_upstream(request), request.GET.get("show", "")
    intents = visible_intents(user_of(request), upstream)
    states = {
        "open": Intent.UNSETTLED,
        "failed": (Intent.State.FAILED, Intent.State.COMPENSATED),
    }.get(chosen)
    places = waiting_places()
    shown = list((intents.filter(state__in=states) if states else intents)[:SHOWN])
    context: dict[str, Any] = {
        "upstream": upstream,
        "upstreams": upstreams(),
        "filters": FILTERS,
        "chosen": chosen,
        "as_of": timezone.now(),
        "rows": [(intent, places.get(intent.pk, 0)) for intent in shown],
        "waiting": len(places),
    }
    return render(request, page_or_region(request, "providers/changes.html"), context)


@require_POST
@staff_only
def settle(request: HttpRequest) -> HttpResponse:
    """Carry out what waits and look after what is uncertain, now."""
    upstream = chosen_upstream(request)
    if upstream and finish_waiting(upstream):
        messages.success(
            request,
            "Whatever could be settled is settled; what was sent moments ago is looked at again"
            " after 20 seconds.",
        )
    else:
        messages.warning(request, "Somebody else is changing this upstream right now.")
    return back_to("providers:changes")


@require_GET
@never_cache
@staff_only
def drift(request: HttpRequest) -> HttpResponse:
    """What the last comparison found."""
    upstream = chosen_upstream(request)
    check = DriftCheck.objects.filter(upstream=upstream).first() if upstream else None
    groups = (
        [
            (kind, [d for d in check.differences if d["kind"] == kind])
            for kind in ("only here", "different", "only there")
        ]
        if check
        else []
    )
    return render(
        request,
        "providers/drift.html",
        {
            "upstream": upstream,
            "upstreams": upstreams(),
            "check": check,
            "groups": [g for g in groups if g[1]],
        },
    )


@require_POST
@staff_only
def compare_now(request: HttpRequest) -> HttpResponse:
    """Compare again."""
    if upstream := chosen_upstream(request):
        check_drift(upstream)
        return back_to("providers:drift", upstream=upstream.name)
    return back_to("providers:drift")


@require_POST
@staff_only
def mend_one(request: HttpRequest) -> HttpResponse:
    """Mend one difference, or all of a kind, in the chosen direction."""
    upstream = chosen_upstream(request)
    if upstream is None or request.POST.get("direction") not in ("here", "there"):
        return back_to("providers:drift")
    direction: Direction = "here" if request.POST["direction"] == "here" else "there"
    for difference_id in request.POST.getlist("difference")[:SHOWN]:
        try:
            difference = find_difference(upstream, client_for(upstream), difference_id)
            if intent := mend(upstream, difference, direction, user_of(request)):
                tell(
                    request,
                    intent,
                    f"{difference.label}:"
                    f" {'as we believe' if direction == 'here' else 'taken over'}.",
                )
            else:
                messages.success(request, f"{difference.label}: taken over.")
        except (ChangeRefused, UpstreamError) as problem:
            messages.error(request, f"Nothing was changed: {problem}")
    check_drift(upstream)
    return back_to("providers:drift", upstream=upstream.name)
