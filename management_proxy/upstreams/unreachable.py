"""The page in place of one that cannot be shown without its upstream."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from management_proxy.client.errors import UpstreamError
from monitoring.api.access import is_below_api


class UnreachableUpstreamMiddleware:
    """Makes of an upstream's error that a view lets pass a page with 502: why, and how to go on.
    Below `/api/` errors have their own form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django with what a view raised; None leaves it to the other handlers."""
        if not isinstance(exception, UpstreamError) or is_below_api(request):
            return None
        again = request.get_full_path() if request.method == "GET" else ""
        context = {"reason": str(exception), "again": again}
        return render(request, "management_proxy/unreachable.html", context, status=502)
