"""The page of drift."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from management_proxy.client.errors import UpstreamError
from management_proxy.upstreams.clients import client_for
from monitoring.web.roles import staff_only, user_of
from providers.drift.actions import Direction, find_difference, fix
from providers.drift.queries import check_drift
from providers.errors import ChangeRefused
from providers.models import DriftCheck
from providers.web.pages import back_to, chosen_upstream, report, upstreams

MOST_AT_ONCE = 100


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
def fix_one(request: HttpRequest) -> HttpResponse:
    """Fix one difference, or all of a kind, in the chosen direction."""
    upstream = chosen_upstream(request)
    if upstream is None or request.POST.get("direction") not in ("here", "there"):
        return back_to("providers:drift")
    direction: Direction = "here" if request.POST["direction"] == "here" else "there"
    for difference_id in request.POST.getlist("difference")[:MOST_AT_ONCE]:
        try:
            difference = find_difference(upstream, client_for(upstream), difference_id)
            if intent := fix(upstream, difference, direction, user_of(request)):
                report(
                    request,
                    intent,
                    (
                        gettext("%(label)s: restored.")
                        if direction == "here"
                        else gettext("%(label)s: taken over.")
                    )
                    % {"label": difference.label},
                )
            else:
                messages.success(
                    request, gettext("%(label)s: taken over.") % {"label": difference.label}
                )
        except (ChangeRefused, UpstreamError) as problem:
            messages.error(
                request, gettext("Nothing was changed: %(problem)s") % {"problem": problem}
            )
    check_drift(upstream)
    return back_to("providers:drift", upstream=upstream.name)
