"""JSON for scripts and pages: collect once, and whether collection works."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from management_proxy.tokens.access import token_of
from monitoring.api.access import bearer_key, bears, is_intended, signed_in
from monitoring.api.errors import CSRF_TOKEN_MISSING, error
from usage.api.collection_body import collection_body, collector_body, completeness_body
from usage.api.runs import run_summary
from usage.collector.by_hand import Outcomes, collect_each
from usage.collector.collect import RunInProgress
from usage.collector.status import collector_status
from usage.models import CollectorRun


@require_GET
@never_cache
@signed_in
def collection_status(request: HttpRequest) -> HttpResponse:
    """Whether collection works, and since when; for staff also how complete it is."""
    measured = {"completeness": completeness_body()} if request.user.is_staff else {}
    return JsonResponse({**collection_body(), **measured})


@csrf_exempt
@require_POST
@never_cache
def collect(request: HttpRequest) -> HttpResponse:
    """Collect once: bearer `COLLECTOR_API_KEY`, or a staff session with its CSRF token."""
    if refused := _refuse_collect(request):
        return refused
    name = request.GET.get("upstream", "")
    outcomes = collect_each(request.user, name)
    if not outcomes:
        return error(
            503,
            "CONFIG_ERROR",
            f"No enabled upstream is named {name[:60]!r}."
            if name
            else "No upstream is configured or enabled.",
        )
    return _outcome_response(outcomes)


def _refuse_collect(request: HttpRequest) -> HttpResponse | None:
    if bearer_key(request) and not token_of(request):
        if bears(request, settings.COLLECTOR_API_KEY):
            return None
        return error(401, "AUTH_FAILED", "The collector key is wrong, or none is configured.")
    if not request.user.is_authenticated:
        return error(
            401, "AUTH_UNAUTHORIZED", "Sign in, or send the collector key as a bearer token."
        )
    if not request.user.is_staff:
        return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", "Only staff may trigger a collection.")
    return None if is_intended(request) else error(*CSRF_TOKEN_MISSING)


def _outcome_response(outcomes: Outcomes) -> HttpResponse:
    first = outcomes[0][1]
    last = collector_body(collector_status())["lastCollectedAt"] or None
    body: dict[str, object] = {**run_summary(first), "lastCollectedAt": last}
    if len(outcomes) > 1:
        body["upstreams"] = [
            {"upstream": u.name, **run_summary(outcome)} for u, outcome in outcomes
        ]
    if isinstance(first, RunInProgress):
        return JsonResponse(
            {"success": False, "message": "A collection is already in progress.", **body},
            status=202,
        )
    succeeded = first.status == CollectorRun.Status.SUCCEEDED
    totals = {"processed": first.popped, "skipped": first.duplicates, "latencyBackfilled": 0}
    body = {**body, "success": succeeded, **totals}
    return JsonResponse(body, status=200 if succeeded else _failure_status(first))


def _failure_status(run: CollectorRun) -> int:
    return {"connection": 503, "timeout": 504, "auth": 503, "internal": 500}.get(
        run.failure_class, 502
    )
