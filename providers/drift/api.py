"""`/api/providers/drift`: differences between an upstream and what we believe, for staff."""

from dataclasses import asdict

from django.http import HttpRequest, HttpResponse, JsonResponse

from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from providers.drift.actions import find_difference, fix
from providers.drift.queries import check_drift, compare
from providers.errors import ChangeRefused
from providers.web.api import body_of, caller, json_api, outcome, text_of, upstream_of


@json_api("GET", "POST")
def drift(request: HttpRequest) -> HttpResponse:
    """GET compares now; POST `{difference: id, direction: "here" or "there"}` fixes one."""
    upstream, user = upstream_of(request), caller(request)
    if not user.is_staff:
        raise ChangeRefused("drift is for staff", "", "AUTH_INSUFFICIENT_PERMISSIONS")
    if request.method == "POST":
        return _fix(request, upstream)
    return JsonResponse(
        {
            "data": {
                "differences": [
                    asdict(difference) for difference in compare(upstream, client_for(upstream))
                ]
            }
        }
    )


def _fix(request: HttpRequest, upstream: Upstream) -> HttpResponse:
    body = body_of(request, ("difference", "direction"))
    direction = text_of(body, "direction", required=True)
    if direction not in ("here", "there"):
        raise ChangeRefused("expected here or there", "direction")
    difference = find_difference(
        upstream, client_for(upstream), text_of(body, "difference", required=True)
    )
    intent = fix(upstream, difference, "here" if direction == "here" else "there", caller(request))
    check_drift(upstream)
    return outcome(intent) if intent else JsonResponse({"success": True, "data": {}})
