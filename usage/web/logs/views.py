"""The Logs page, for staff. The browser reads the logs through the management proxy; no view
requests anything of an upstream."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from monitoring.web.roles import staff_only
from providers.web.pages import chosen_upstream, upstreams
from usage.web.logs.forms import LogForm, LogsForm

# The proxy holds a page of the log while it masks it: as many lines as the browser holds.
LINES_HELD = 5000
CHARACTERS_READ = 1_000_000


@require_GET
@never_cache
@staff_only
def page(request: HttpRequest) -> HttpResponse:
    """The tail with its filters, and the list of error logs."""
    form = LogsForm({"level": "", **request.GET.dict()})
    context = _context(request) | {"form": form, "lines_held": LINES_HELD}
    return _rendered(request, "usage/logs/page.html", context, form.is_valid())


@require_GET
@never_cache
@staff_only
def log(request: HttpRequest) -> HttpResponse:
    """The log of one request, masked."""
    form = LogForm(request.GET)
    context = _context(request) | {"form": form, "characters_read": CHARACTERS_READ}
    return _rendered(request, "usage/logs/log.html", context, form.is_valid())


def _context(request: HttpRequest) -> dict[str, Any]:
    upstream = chosen_upstream(request)
    proxied = f"{reverse('management-api')}@{upstream.name}/" if upstream else ""
    return {"upstreams": upstreams(), "upstream": upstream, "proxied": proxied}


def _rendered(
    request: HttpRequest, template: str, context: dict[str, Any], is_valid: bool
) -> HttpResponse:
    status = 200 if is_valid else 400
    if context["upstream"] is None and "upstream" in request.GET:
        status = 404
    return render(request, template, context, status=status)
