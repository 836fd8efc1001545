"""The client of the upstream's management API over HTTP: one object, one request function.

Operations are functions over a client, one module a family of routes, beside this one: the client
knows no route, so that a new operation touches nothing that others use.

Every call raises only members of the tree in `management_proxy.client.errors`. Limits are explicit.
Nothing is retried here. The key is never absent from a request: a client without one cannot be
made. A 401 or a ban is reported to `on_blocked` before it is raised, so that every caller in every
process stops; `before_first` runs before the first request and may raise in its place
(management_proxy/upstreams/key_verification.py).
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypedDict, Unpack

import httpx
from django.utils.translation import gettext_noop as _

from management_proxy.client.certificates import trusted_authorities
from management_proxy.client.errors import (
    Blocked,
    Broken,
    ConnectTimeout,
    NotReached,
    ResponseTimeout,
    ResponseTooLarge,
    StillWaiting,
    UpstreamError,
)
from management_proxy.client.limits import Limits, in_time
from management_proxy.client.metrics import counted
from management_proxy.client.responses import Response, refusal_of, server_time_of, version_of
from monitoring.logs.account import waiting
from monitoring.texts.recorded import Recorded
from monitoring.tracing.spans import Kind, span

Receive = Callable[[bytes], None]
_NO_CONNECTION = Recorded(_("cannot connect: %(reason)s"))
_BROKE = Recorded(_("the connection broke: %(reason)s"))
_NO_RESPONSE = Recorded(_("no response within %(seconds)s s"))
_TOO_SLOW = Recorded(_("the response took longer than %(seconds)s s"))
_TOO_LARGE = Recorded(_("the response exceeds %(bytes)s bytes"))


class Payload(TypedDict, total=False):
    """What a request carries: a query, and one kind of body (`files` is multipart)."""

    params: Mapping[str, str] | None
    json: Any
    content: bytes
    files: Any


class ManagementClient:
    """Calls one upstream with one key; may be shared between threads."""

    def __init__(
        self,
        management_url: str,
        key: str,
        *,
        before_first: Callable[[], None] | None = None,
        on_blocked: Callable[[Blocked], None] | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        if not key.strip():
            raise ValueError(
                "a management key is required: a request without one counts towards a ban"
            )
        self._url = management_url.rstrip("/")
        self._headers = {
            "Authorization": f"Bearer {key}",
            "Accept-Encoding": "identity",
            "User-Agent": "tollgate",
        }
        self._before_first, self._on_blocked = before_first, on_blocked
        self._http = httpx.Client(transport=transport) if transport else _http()

    def call(
        self,
        method: str,
        path: str,
        limits: Limits,
        *,
        accept: Collection[int] = (200,),
        receive: Receive | None = None,
        **payload: Unpack[Payload],
    ) -> Response:
        """Send one request below the management URL, once; any status outside `accept` is raised as
        the error that it represents. Raises StillWaiting in haste.

        `receive` takes the body of a 200 chunk by chunk, and what it raises passes through.
        """
        if self._before_first:
            self._before_first()
            self._before_first = None
        limits, is_hasty = in_time(limits)
        timeout = httpx.Timeout(limits.idle, connect=limits.connect)
        url, headers = f"{self._url}/{path}", self._headers
        request = self._http.build_request(method, url, headers=headers, timeout=timeout, **payload)
        about = {
            "http.request.method": method,
            "url.template": path,
            "server.address": request.url.host,
        }
        with span(f"{method} {path}", about, kind=Kind.CLIENT) as traced:
            with counted(), _hasty(is_hasty), _translated(limits), waiting("upstream"):
                response, body = self._exchange(request, limits, receive)
            status = response.status_code
            traced.note({"http.response.status_code": status}, failed=status not in accept)
        if response.status_code not in accept:
            raise self._refusal(response, body)
        stated = response.headers
        return Response(body, version_of(stated), server_time_of(stated), response.status_code)

    def _exchange(
        self, request: httpx.Request, limits: Limits, receive: Receive | None
    ) -> tuple[httpx.Response, bytes]:
        deadline = time.monotonic() + limits.total
        response = self._http.send(request, stream=True)
        try:
            chunks: list[bytes] = []
            take = receive if receive and response.status_code == 200 else chunks.append
            size = 0
            for chunk in response.iter_raw():
                take(chunk)
                size += len(chunk)
                if size > limits.response_bytes:
                    raise ResponseTooLarge(_TOO_LARGE(bytes=limits.response_bytes))
                if time.monotonic() > deadline:
                    raise ResponseTimeout(_TOO_SLOW(seconds=f"{limits.total:g}"))
            return response, b"".join(chunks)
        finally:
            response.close()

    def _refusal(self, response: httpx.Response, body: bytes) -> UpstreamError:
        error = refusal_of(response.status_code, body, datetime.now(UTC))
        if isinstance(error, Blocked) and self._on_blocked:
            self._on_blocked(error)
        return error


@contextmanager
def _translated(limits: Limits) -> Iterator[None]:
    """httpx's errors as ours. Its one limit of a wait is `limits.idle`."""
    try:
        yield
    except (httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise ConnectTimeout(_NO_CONNECTION(reason=error)) from error
    except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
        raise NotReached(_NO_CONNECTION(reason=error)) from error
    except httpx.TimeoutException as error:
        raise ResponseTimeout(_NO_RESPONSE(seconds=f"{limits.idle:g}")) from error
    except httpx.HTTPError as error:
        raise Broken(_BROKE(reason=error)) from error


@contextmanager
def _hasty(is_hasty: bool) -> Iterator[None]:
    """A limit that passes is no failure if haste has shortened it."""
    try:
        yield
    except (ConnectTimeout, ResponseTimeout) as error:
        if is_hasty:
            raise StillWaiting from error
        raise


_making = threading.Lock()


def _http() -> httpx.Client:
    # A cache lets threads that come first together make one each, of which all but the last are
    # lost with their connections.
    with _making:
        return _shared_http()


@lru_cache(maxsize=1)
def _shared_http() -> httpx.Client:
    # Redirects are never followed: they could carry the key elsewhere. The environment's proxies do
    # not apply.
    return httpx.Client(
        verify=trusted_authorities(),
        follow_redirects=False,
        trust_env=False,
        limits=httpx.Limits(max_connections=64, keepalive_expiry=8),
    )
