"""One attempt to have an upstream respond: send a request, return the head of its response, then
its body chunk by chunk.

Nothing is repeated here and no redirect followed. What the upstream does wrong is raised as a
member of the tree in `management_proxy.client.errors`; what the caller does wrong with its body as
BodyTooBig or BodyIncomplete.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import httpcore

from management_proxy.client.certificates import trusted_authorities
from management_proxy.client.errors import (
    Broken,
    ConnectTimeout,
    NotReached,
    ResponseTimeout,
    ResponseTooLarge,
    UpstreamError,
)
from management_proxy.client.limits import Limits
from management_proxy.proxy.caller_bodies import BodyIncomplete
from management_proxy.proxy.limits.sockets import (
    CallDeadline,
    DeadlineBackend,
    LimitPassed,
    enforced,
)
from management_proxy.proxy.rules.headers import RawHeaders, header

# The upstream closes a connection that sends nothing within 10 s of its beginning (contract 1.1).
KEEPALIVE_SECONDS = 8.0


@dataclass
class Outgoing:
    """A request as it goes upstream; `length` is None for a body of unknown size."""

    method: str
    url: str
    headers: RawHeaders
    body: Iterable[bytes] = ()
    length: int | None = 0

    def framed(self) -> RawHeaders:
        if self.length is None:
            return [*self.headers, (b"Transfer-Encoding", b"chunked")]
        has_body = self.length or self.method not in ("GET", "DELETE")
        return (
            [*self.headers, (b"Content-Length", str(self.length).encode())]
            if has_body
            else self.headers
        )


@dataclass
class Timings:
    """Seconds of one attempt: to connect, from the end of that to the response's head, and to
    read its body."""

    connect: float = 0.0
    first_byte: float = 0.0
    body: float = 0.0


@dataclass
class Attempt:
    """A response whose head has come. Read its body by `next_chunk`, and `close` it whatever
    happens."""

    response: httpcore.Response
    deadline: CallDeadline
    limits: Limits
    timings: Timings
    received: int = 0
    _chunks: Iterator[bytes] | None = field(default=None, repr=False)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> RawHeaders:
        return self.response.headers

    @property
    def length(self) -> int | None:
        """The body's length as the upstream states it."""
        stated = header(self.headers, "content-length")
        return int(stated) if stated.isdigit() else None

    def next_chunk(self) -> bytes | None:
        """The next bytes of the body, None at its end. Raises UpstreamError or CallerLeft."""
        if self._chunks is None:
            self._chunks = iter(self.response.iter_stream())
        started = time.monotonic()
        self.deadline.enter("idle", self.limits.idle, each=True)
        with enforced(self.deadline), _translated():
            chunk = next(self._chunks, None)
        self.timings.body += time.monotonic() - started
        self.received += len(chunk or b"")
        if self.received > self.limits.response_bytes:
            raise ResponseTooLarge(f"the response exceeds {self.limits.response_bytes} bytes")
        return chunk

    def whole(self) -> bytes:
        """The whole body, within its limits; raises like `next_chunk`."""
        chunks = []
        while (chunk := self.next_chunk()) is not None:
            chunks.append(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        """Give the connection back, or cut it if the response is not at its end."""
        with enforced(self.deadline):
            self.response.close()


_making = threading.Lock()


def _pool() -> httpcore.ConnectionPool:
    # A cache lets threads that come first together make one each, of which all but the last are
    # lost with their connections.
    with _making:
        return _made_pool()


@lru_cache(maxsize=1)
def _made_pool() -> httpcore.ConnectionPool:
    # Apart from the client's: calls through the proxy and our own never wait for each other's
    # connections.
    return httpcore.ConnectionPool(
        trusted_authorities(),
        max_connections=256,
        max_keepalive_connections=64,
        keepalive_expiry=KEEPALIVE_SECONDS,
        network_backend=DeadlineBackend(),
    )


def close_pool() -> None:
    """Close every connection, for tests and before a fork."""
    with _making:
        if _made_pool.cache_info().currsize:
            _made_pool().close()
            _made_pool.cache_clear()


def attempt(outgoing: Outgoing, limits: Limits, deadline: CallDeadline) -> Attempt:
    """Send the request and wait for the response's head.

    Raises UpstreamError, BodyTooBig, BodyIncomplete or CallerLeft.
    """
    timings = Timings()
    started, connected_before = time.monotonic(), deadline.connected_seconds
    deadline.enter("connect", limits.connect)
    request = httpcore.Request(
        outgoing.method,
        outgoing.url,
        headers=outgoing.framed(),
        content=_sent(outgoing.body, limits, deadline),
    )
    with enforced(deadline), _translated():
        response = _pool().handle_request(request)
    timings.connect = deadline.connected_seconds - connected_before
    timings.first_byte = time.monotonic() - started - timings.connect
    begun = Attempt(response, deadline, limits, timings)
    if (begun.length or 0) > limits.response_bytes and outgoing.method != "HEAD":
        begun.close()
        raise ResponseTooLarge(
            f"the response of {begun.length} bytes exceeds {limits.response_bytes}"
        )
    return begun


def _sent(body: Iterable[bytes], limits: Limits, deadline: CallDeadline) -> Iterator[bytes]:
    """The body; waiting for the response begins when all of it is sent."""
    deadline.enter("send", limits.idle, each=True)
    yield from body
    deadline.enter("first_byte", limits.first_byte)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except LimitPassed as error:
        raise _limit_passed(error.phase) from error
    except httpcore.ConnectTimeout as error:
        raise _limit_passed("connect") from error
    except (httpcore.ConnectError, httpcore.UnsupportedProtocol) as error:
        raise NotReached("cannot connect to the upstream") from error
    except httpcore.TimeoutException as error:
        raise _limit_passed("total") from error
    except httpcore.LocalProtocolError as error:
        raise BodyIncomplete("the body is not as long as its Content-Length says") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Broken("the connection broke before the response was whole") from error


def _limit_passed(phase: str) -> UpstreamError:
    kind = ConnectTimeout if phase == "connect" else ResponseTimeout
    return kind(f"no response within the limit ({phase.replace('_', ' ')})")
