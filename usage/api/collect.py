"""JSON for scripts and pages: collect, its status, and history."""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from management_proxy.models import Upstream
from management_proxy.tokens.access import honours_token_upstreams, token_of
from management_proxy.upstreams.registry import ensure_environment_upstream
from monitoring.audit import trail as audit
from usage.api.runs import run_summary
from usage.collector import status
from usage.collector.run import RunInProgress
from usage.collector.run import collect as collect_once
from usage.completeness import report as completeness_report
from usage.models import CollectorRun

View = Callable[..., HttpResponseBase]


def error(status_code: int, code: str, message: str, **details: Any) -> JsonResponse:
    """The one form of every error: `{"error": {"code", "message", "details"?}}`."""
    body = {"code": code, "message": message, **({"details": details} if details else {})}
    return JsonResponse({"error": body}, status=status_code)


def invalid_query(form: forms.Form) -> JsonResponse:
    """400 naming each field, what was got and what is expected."""
    fields = {name: str(messages[0]) for name, messages in form.errors.items()}
    missing = [name for name in fields if not form.data.get(name) and "got nothing" in fields[name]]
    code = "VALIDATION_MISSING_FIELDS" if missing else "VALIDATION_ERROR"
    message = "; ".join(f"{name}: {text}" for name, text in fields.items())
    return error(400, code, message, fields=missing or fields)


def invalid_fields(fields: dict[str, str]) -> JsonResponse:
    """400 naming each field, for what only turns out when the question is asked."""
    return error(
        400,
        "VALIDATION_ERROR",
        "; ".join(f"{name}: {text}" for name, text in fields.items()),
        fields=fields,
    )


def signed_in(view: View) -> View:
    """401 in JSON for anonymous callers, instead of a redirect to a page."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return error(401, "AUTH_UNAUTHORIZED", "Sign in first.")
        return view(request, *args, **kwargs)

    return checked


def filtered_by_upstream(view: View) -> View:
    """For a view with the filter `upstream`: a token of some upstreams has to ask for them, and for
    no others (403)."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        token = token_of(request)
        if token and not token.any_upstream:
            reached = set(token.upstreams.values_list("name", flat=True))
            asked = set(filter(None, request.GET.getlist("upstream")))
            if not asked or asked - reached:
                names = ", ".join(sorted(reached)) or "none any more"
                return error(
                    403,
                    "AUTH_INSUFFICIENT_PERMISSIONS",
                    f"The token reaches {names}: ask for these by the filter `upstream`.",
                )
        return view(request, *args, **kwargs)

    return honours_token_upstreams(checked)


@require_GET
@never_cache
@signed_in
def collection_status(request: HttpRequest) -> HttpResponse:
    """Whether collection works, and since when; for staff also how complete it is."""
    measured = {"completeness": completeness_report.as_json()} if request.user.is_staff else {}
    return JsonResponse({**status.collection_status(), **measured})


@csrf_exempt
@require_POST
@never_cache
def collect(request: HttpRequest) -> HttpResponse:
    """Collect once: bearer `COLLECTOR_API_KEY`, or a staff session with its CSRF token."""
    if refused := _refuse_collect(request):
        return refused
    ensure_environment_upstream()
    chosen = Upstream.objects.filter(is_enabled=True)
    if name := request.GET.get("upstream"):
        chosen = chosen.filter(name=name)
    upstreams = list(chosen)
    if request.user.is_authenticated:  # who calls with the collector's key does so all the time
        target = ", ".join(u.name for u in upstreams) or "no upstream"
        audit.record(
            request.user,
            "collection.triggered",
            target,
            outcome=audit.Outcome.SUCCEEDED if upstreams else audit.Outcome.REFUSED,
        )
    if not upstreams:
        return error(
            503,
            "CONFIG_ERROR",
            f"No enabled upstream is named {name[:60]!r}."
            if name
            else "No upstream is configured or enabled.",
        )
    return _collect_answer([(u, collect_once(u, CollectorRun.Trigger.HTTP)) for u in upstreams])


def _refuse_collect(request: HttpRequest) -> HttpResponse | None:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and not token_of(request):
        key = settings.COLLECTOR_API_KEY
        if key and hmac.compare_digest(given.strip().encode(), key.encode()):
            return None
        return error(401, "AUTH_FAILED", "The collector key is wrong, or none is configured.")
    if not request.user.is_authenticated:
        return error(
            401, "AUTH_UNAUTHORIZED", "Sign in, or send the collector key as a bearer token."
        )
    if not request.user.is_staff:
        return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", "Only staff may trigger a collection.")
    return None if token_of(request) else _refuse_without_csrf(request)


def _refuse_without_csrf(request: HttpRequest) -> HttpResponse | None:
    # The view is exempt for the sake of the bearer key, so a session's token is checked here.
    middleware = CsrfViewMiddleware(lambda _: HttpResponse())
    middleware.process_request(request)
    if middleware.process_view(request, lambda _: HttpResponse(), (), {}) is None:
        return None
    return error(403, "AUTH_FAILED", "The CSRF token is missing or wrong; send it as X-CSRFToken.")


def _collect_answer(outcomes: list[tuple[Upstream, CollectorRun | RunInProgress]]) -> HttpResponse:
    first = outcomes[0][1]
    body: dict[str, Any] = run_summary(first)
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
    body = {
        **body,
        "success": succeeded,
        **totals,
        "lastCollectedAt": status.collector_status()["lastCollectedAt"] or None,
    }
    return JsonResponse(body, status=200 if succeeded else _failure_status(first))


def _failure_status(run: CollectorRun) -> int:
    return {"connection": 503, "timeout": 504, "auth": 503, "internal": 500}.get(
        run.failure_class, 502
    )
