"""Refusals that Django makes without a view: below `/api/` in the one form of errors, elsewhere as
a page.

`config/urls.py` and the settings name these as Django's handlers; the middleware adds what has no
handler, a method that an address does not take.
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views import defaults
from django.views.csrf import csrf_failure as csrf_page

from monitoring.api.access import is_below_api
from monitoring.api.errors import CSRF_TOKEN_MISSING, error, method_not_allowed
from monitoring.request_context import current_request


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400."""
    if is_below_api(request):
        return error(400, "VALIDATION_ERROR", "The request is malformed.")
    return _bare_page("400.html", 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403."""
    if is_below_api(request):
        message = str(exception) or "You may not do this."
        return error(403, "AUTH_INSUFFICIENT_PERMISSIONS", message)
    return defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if is_below_api(request):
        return error(404, "RESOURCE_NOT_FOUND", "There is nothing at this address.")
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; the log has the reason."""
    if is_below_api(request):
        return error(500, "INTERNAL_SERVER_ERROR", "Something broke; the error was logged.")
    return _bare_page("500.html", 500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a session's request without its CSRF token."""
    return error(*CSRF_TOKEN_MISSING) if is_below_api(request) else csrf_page(request, reason)


class MethodNotAllowedMiddleware:
    """Gives a bare 405 a body: an error, or a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or response.content:
            return response
        allowed = response.headers["Allow"].split(", ")
        if is_below_api(request):
            return method_not_allowed(allowed)
        return _page(request, allowed)


def _bare_page(template: str, status: int) -> HttpResponse:
    """A page without the frame, whose needs may be what broke."""
    context = {"request_id": current_request().request_id}
    return HttpResponse(render_to_string(template, context), status=status)


def _page(request: HttpRequest, allowed: list[str]) -> HttpResponse:
    context: dict[str, Any] = {"method": request.method, "allowed": allowed}
    page = render(request, "405.html", context, status=405)
    page.headers["Allow"] = ", ".join(allowed)
    return page
