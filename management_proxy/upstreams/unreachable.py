"""The page in place of one that cannot be shown without its upstream, or not yet.

A page that a reader opens waits for its upstream for PAGE_PATIENCE_SECONDS. Then it is shown with
what is known, and its content follows: a script requests the page again and waits with it
(monitoring/web/regions.py `opens_page`). A view that knows nothing lets StillWaiting pass.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from management_proxy.client.errors import StillWaiting, UpstreamError
from management_proxy.client.limits import in_haste
from monitoring.api.access import is_below_api
from monitoring.web.regions import opens_page, read_again


class UnreachableUpstreamMiddleware:
    """Makes of an upstream's error that a view lets pass a page with 502: why, and how to go on;
    and of one that has not responded yet a page that says so. Below `/api/` errors have their own
    form, and all wait."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_opened = opens_page(request) and not is_below_api(request)
        with in_haste(settings.PAGE_PATIENCE_SECONDS if is_opened else None):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django with what a view raised; None leaves it to the other handlers."""
        if isinstance(exception, StillWaiting):
            read_again(request, 0)
            return render(request, "management_proxy/reading.html")
        if not isinstance(exception, UpstreamError) or is_below_api(request):
            return None
        again = request.get_full_path() if request.method == "GET" else ""
        context = {"reason": str(exception), "again": again}
        return render(request, "management_proxy/unreachable.html", context, status=502)
