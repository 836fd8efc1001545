"""Every request: one log line and its figures, with the time split by where it went.

Both are measured when the response is complete, for a streamed one when its last byte was read or
the caller left, and written down once the caller has it (monitoring/logs/afterwards.py). Probes and
scrapes are logged at the level debug, so that they do not drown the rest. Labels are closed: the
route is a template of ours, the method a word of HTTP.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from typing import Any

from django.conf import settings
from django.http import FileResponse, HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from monitoring.logs import afterwards
from monitoring.logs.account import Account, begin_account
from monitoring.logs.monitoring_kinds import REQUEST
from monitoring.metrics import http
from monitoring.request_context import current_request, is_from_trusted_proxy
from monitoring.tracing.spans import NO_SPAN, Kind, Span, Value, bound, is_active, span

logger = logging.getLogger(__name__)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
QUIET_ROUTES = frozenset({"healthz", "readyz", "api/health", "metrics", "static"})


class RequestAccountMiddleware:
    """Opens the account of each request and closes it with its response."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        afterwards.begin()
        account, held = begin_account(), ExitStack()
        span = held.enter_context(_span_of(request))
        with http.IN_FLIGHT.track_inprogress():
            response = self.get_response(request)
        held.callback(_describe, span, request, response.status_code)
        ending = Ending(request, response.status_code, account, held)
        if isinstance(response, FileResponse):
            # Left as it is, so that the server may send the file by itself.
            ending.close(int(response.headers.get("Content-Length", 0)))
        elif isinstance(response, StreamingHttpResponse) and not response.is_async:
            response.streaming_content = Counted(response.streaming_content, ending)  # type: ignore[arg-type]
        else:
            ending.close(len(getattr(response, "content", b"")))
        return response


class Ending:
    """What is left to do when a response is complete; only the first `close` counts."""

    def __init__(
        self, request: HttpRequest, status: int, account: Account, held: ExitStack
    ) -> None:
        self._request, self._status, self._account = request, status, account
        self._held = held
        self._request_id = current_request().request_id
        self._is_closed = False

    def close(self, size: int) -> None:
        """The response is complete, and had so many bytes."""
        if self._is_closed:
            return
        self._is_closed = True
        split = self._account.split(self._account.elapsed)
        with self._held:
            afterwards.afterwards(bound(partial(self._report, size, split)))

    def _report(self, size: int, split: dict[str, float]) -> None:
        account, request = self._account, self._request
        route, method = route_of(request), method_of(request)
        is_poll = request.META.get("HTTP_HX_REQUEST") == "true"
        http.count(route, method, self._status, split, is_poll=is_poll)
        level = logging.DEBUG if route in QUIET_ROUTES and self._status < 400 else logging.INFO
        if logger.isEnabledFor(level):
            fields = {"route": route, "method": method, "status": self._status, "bytes": size}
            times = {f"{phase}_ms": round(seconds * 1000, 1) for phase, seconds in split.items()}
            duration = round(sum(split.values()) * 1000, 1)
            whose = {"request_id": self._request_id} if self._request_id else {}
            REQUEST.log(
                logger, level, **whose, **fields, duration_ms=duration, **times, **_read(account)
            )


class Counted:
    """A streamed body that counts its bytes and reports when it ends, however it ends."""

    def __init__(self, chunks: Iterable[bytes], ending: Ending) -> None:
        self._chunks, self._ending, self._bytes = chunks, ending, 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self._bytes += len(chunk)
            yield chunk

    def close(self) -> None:
        """The response is closed; the body itself is closed by Django."""
        self._ending.close(self._bytes)


def _span_of(request: HttpRequest) -> AbstractContextManager[Span]:
    """A span over the request, unless it is one of those that come all the time; a trace of which
    it is a part is believed as the address is."""
    if not is_active() or request.path.strip("/") in QUIET_ROUTES or _is_static(request):
        return NO_SPAN
    caller = request.headers if is_from_trusted_proxy(request) else {}
    about = {"tollgate.request_id": current_request().request_id}
    return span("request", about, kind=Kind.SERVER, caller=caller)


def _describe(request_span: Span, request: HttpRequest, status: int) -> None:
    method, route = method_of(request), route_of(request)
    about: dict[str, Value] = {
        "http.request.method": method,
        "http.route": route,
        "http.response.status_code": status,
    }
    request_span.rename(f"{method} {route}")
    request_span.note(about, failed=status >= 500)


def _is_static(request: HttpRequest) -> bool:
    return request.path.startswith(settings.STATIC_URL)


def route_of(request: HttpRequest) -> str:
    """The template of the address that matched, never the address itself."""
    if match := request.resolver_match:
        return match.route.replace("^", "") or "/"
    return "static" if _is_static(request) else "unmatched"


def method_of(request: HttpRequest) -> str:
    """The method, if it is one; callers may send any word."""
    return request.method if request.method in METHODS else "other"


def _read(account: Account) -> dict[str, Any]:
    """What the request read and for whom, without what there is nothing of."""
    fields: dict[str, Any] = {
        "user_id": account.user_id,
        "token_id": account.token_id,
        "statements": account.statements or None,
    }
    if account.queries:
        fields |= {
            "query": ",".join(sorted(account.queries)),
            "sources": ",".join(sorted(account.sources)),
            "rows": account.rows,
            "cache": ",".join(sorted(account.cache)),
            "days": account.days,
        }
    return {name: value for name, value in fields.items() if value is not None}
