"""Who sent the present request, from where, under which id: what the log and the audit trail show
of it.

The address is the peer's own. `X-Forwarded-For` is believed only as far as it was written by
`TRUSTED_PROXIES`: it is read from the right, and the first address that is no trusted proxy is the
client.
"""

import logging
import secrets
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise
from typing import Any

from django.conf import settings
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

from monitoring.tracing.spans import trace_id

Network = IPv4Network | IPv6Network


@dataclass
class RequestContext:
    """One request: its id, the client's address, and how it was authenticated (a word of
    `AuditEntry.Via`)."""

    request_id: str = ""
    source_ip: str = ""
    via: str = ""


_current: ContextVar[RequestContext | None] = ContextVar("request_context", default=None)


def current_request() -> RequestContext:
    """The request that this thread handles; an empty one outside of requests."""
    return _current.get() or RequestContext()


def client_address(request: HttpRequest) -> str:
    """The client's IP address; empty if the server does not know it."""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    hops: list[str] = [
        request.META.get("REMOTE_ADDR", ""),
        *(hop.strip() for hop in reversed(forwarded)),
    ]
    for hop, behind in pairwise(hops):
        if not _is_trusted(hop) or not _is_address(behind):
            return hop
    return hops[-1]


def is_from_trusted_proxy(request: HttpRequest) -> bool:
    """Whether the peer is one of `TRUSTED_PROXIES`, whose headers about the call are believed."""
    return _is_trusted(request.META.get("REMOTE_ADDR", ""))


def _is_trusted(address: str) -> bool:
    networks = _networks(tuple(settings.TRUSTED_PROXIES))
    return (
        bool(networks)
        and _is_address(address)
        and any(ip_address(address) in network for network in networks)
    )


def is_network(text: str) -> bool:
    """Whether a text names an address or a network."""
    try:
        return bool(ip_network(text, strict=False))
    except ValueError:
        return False


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


@lru_cache(maxsize=4)
def _networks(texts: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(text, strict=False) for text in texts)


class RequestContextMiddleware:
    """Gives every request an id, which the response, the log and the audit trail repeat."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Made here, never taken from the caller: no caller can write another's id into the trail.
        context = RequestContext(secrets.token_hex(8), client_address(request))
        _current.set(context)
        response = self.get_response(request)
        response.headers.setdefault("X-Request-Id", context.request_id)
        return response


class RequestIdFilter(logging.Filter):
    """Adds the ids of the request and of the trace as fields to every line logged meanwhile."""

    def filter(self, record: logging.LogRecord) -> bool:
        if (request_id := current_request().request_id) and not hasattr(record, "request_id"):
            record.request_id = request_id
        if trace := trace_id():
            record.trace_id = trace
        return True


class UnhandledFilter(logging.Filter):
    """Of Django's own lines about requests lets only those about unhandled exceptions pass, and
    takes the address out of them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "Request failed", ()
        return bool(record.exc_info)


def _forget(**kwargs: Any) -> None:
    _current.set(None)


# Not at the end of the middleware: a streamed response is written after it.
request_finished.connect(_forget, dispatch_uid="monitoring.request_context")
