"""The Logs page, for staff. The browser reads the logs through the management proxy; no view
requests anything of an upstream."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from management_proxy.traffic.queries import REASONS
from monitoring.web.roles import staff_only
from providers.web.pages import chosen_upstream, upstreams
from usage.web.logs import time_line
from usage.web.logs.forms import LogForm, LogsForm, MarksForm

# The proxy holds a page of the log while it masks it: as many lines as the browser holds.
LINES_HELD = 5000
# For those of one request.
LINES_SEARCHED = 50_000
CHARACTERS_READ = 1_000_000


@require_GET
@never_cache
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """The tail with its filters, and the list of error logs."""
    form = LogsForm({"level": "", **request.GET.dict()})
    context = _context(request) | {
        "form": form,
        "lines_held": LINES_HELD,
        "lines_searched": LINES_SEARCHED,
    }
    return _rendered(request, "usage/logs/page.html", context, form.is_valid())


@require_GET
@never_cache
@staff_only
def log(request: HttpRequest) -> HttpResponse:
    """The log of one request, masked."""
    form = LogForm(request.GET)
    context = _context(request) | {"form": form, "characters_read": CHARACTERS_READ}
    return _rendered(request, "usage/logs/log.html", context, form.is_valid())


@require_GET
@never_cache
@staff_only
def marks(request: HttpRequest) -> HttpResponse:
    """Rows of what Tollgate did and found since an instant, for between the lines."""
    form, upstream = MarksForm(request.GET), chosen_upstream(request)
    if upstream is None:
        raise Http404(gettext("There is no such upstream."))
    if not form.is_valid():
        return HttpResponse(form.errors.as_text(), status=400, content_type="text/plain")
    found = time_line.marks(upstream, form.cleaned_data["since"])
    return render(request, "usage/logs/marks.html", {"marks": found})


def _context(request: HttpRequest) -> dict[str, Any]:
    upstream = chosen_upstream(request)
    proxied = f"{reverse('management-api')}@{upstream.name}/" if upstream else ""
    # The proxy states them in English, as to every program.
    reasons = {code: gettext(reason) for code, reason in REASONS.items()}
    return {
        "upstreams": upstreams(),
        "upstream": upstream,
        "proxied": proxied,
        "reasons": reasons | {"NO_RESPONSE": gettext("no response")},
    }


def _rendered(
    request: HttpRequest, template: str, context: dict[str, Any], is_valid: bool
) -> HttpResponse:
    status = 200 if is_valid else 400
    if context["upstream"] is None and "upstream" in request.GET:
        status = 404
    return render(request, template, context, status=status)
