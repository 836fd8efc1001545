"""Response headers that Django 5.2 does not set itself, and metrics whose labels stay closed."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_prometheus.middleware import PrometheusAfterMiddleware

# Nothing is loaded from elsewhere and nothing runs inline; style attributes carry the lengths of
# bars.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none';"
    " base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware:
    """Adds the Content-Security-Policy to every response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response


class MetricsMiddleware(PrometheusAfterMiddleware):  # type: ignore[misc]
    """django-prometheus labels latencies with whatever the caller calls a method: each word would
    be a series for ever."""

    def label_metric(
        self, metric: Any, request: HttpRequest, response: HttpResponse | None = None, **labels: Any
    ) -> Any:
        if "method" in labels:
            labels["method"] = self._method(request)
        return _labelled(metric, tuple(labels.items()))


@lru_cache(maxsize=4096)
def _labelled(metric: Any, labels: tuple[tuple[str, str], ...]) -> Any:
    # Finding the series among all of them costs more than counting.
    return metric.labels(**dict(labels)) if labels else metric
