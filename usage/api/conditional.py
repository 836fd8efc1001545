"""JSON responses that carry how fresh they are, and need not be sent again while nothing changed.

An ETag is that of the data: `asOf`, `lagSeconds` and `collectorStatus` change every second and say
nothing new.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import get_conditional_response, patch_vary_headers

from monitoring.api.instants import iso
from usage.history.freshness import lag_seconds, wants_fresh
from usage.history.result_cache import cached
from usage.history.scope import Scope

_VOLATILE = ("asOf", "lagSeconds", "collectorStatus")


def respond(
    request: HttpRequest,
    name: str,
    query: object,
    scope: Scope,
    compute: Callable[[], dict[str, Any]],
) -> HttpResponse:
    """The cached result of a query as JSON, with `asOf` and `lagSeconds`; 304 if the caller
    holds it."""
    result = cached(name, query, scope, lambda: _encoded(compute()), fresh=wants_fresh(request))
    return _response(request, *result.value, result.as_of)


def respond_once(request: HttpRequest, body: dict[str, Any], as_of: datetime) -> HttpResponse:
    """The same for a result that is not worth caching."""
    return _response(request, *_encoded(body), as_of)


def _encoded(body: dict[str, Any]) -> tuple[bytes, str]:
    data = body.get("data", {})
    volatile = {name: data[name] for name in _VOLATILE if name in data}
    stable = msgspec.json.encode(
        {name: value for name, value in data.items() if name not in volatile}
    )
    rest = {name: value for name, value in body.items() if name != "data"}
    digest = hashlib.sha256(stable + msgspec.json.encode(rest)).hexdigest()[:32]
    members = (
        {
            "data": msgspec.Raw(
                _joined(stable, msgspec.json.encode(volatile)) if volatile else stable
            )
        }
        if data
        else {}
    )
    return msgspec.json.encode(members | rest), f'W/"{digest}"'


def _joined(one: bytes, other: bytes) -> bytes:
    """The JSON object with the members of two, neither of them empty."""
    return one[:-1] + b"," + other[1:]


def _response(request: HttpRequest, body: bytes, etag: str, as_of: datetime) -> HttpResponse:
    freshness = {
        "asOf": iso(as_of),
        "lagSeconds": lag_seconds(as_of),
    }
    whole = _joined(body, msgspec.json.encode(freshness))
    age = max((timezone.now() - as_of).total_seconds(), 0)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache", "Age": str(int(age))}
    response = HttpResponse(whole, content_type="application/json", headers=headers)
    patch_vary_headers(response, ("Cookie", "Authorization"))
    conditional = get_conditional_response(request, etag=etag, response=response)
    return conditional or response
