"""One attempt to have an upstream answer: send a request, hand over its answer's head, then its
body chunk by chunk.

Nothing is repeated here and no redirect followed. Everything that can go wrong becomes one of the
errors below, which say who is to blame and whether the request can have had an effect.

AttemptFailed
 +- Unreachable       no connection: nothing was sent
 +- TookTooLong       one of our limits passed, in the phase it names
 +- Broken            the connection ended before the answer did
 +- AnswerTooBig      the answer exceeds its budget
BodyTooBig            the caller's body exceeds its budget
BodyIncomplete        the caller stopped in the middle of its body
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache

import httpcore

from management_proxy.client.certificates import trusted_authorities
from management_proxy.proxy.limits.sockets import LimitPassed, Watch, WatchedBackend, watched
from management_proxy.proxy.rules.headers import RawHeaders, header
from management_proxy.proxy.rules.policies import Limits

# The upstream closes a connection that says nothing within 10 s of its beginning (contract 1.1).
KEEPALIVE_SECONDS = 8.0


class AttemptFailed(Exception):
    """The upstream did not answer as it should."""

    failure_class = "connection"
    was_sent = True


class Unreachable(AttemptFailed):
    """No connection could be made."""

    was_sent = False


class TookTooLong(AttemptFailed):
    """A limit of ours passed."""

    failure_class = "timeout"

    def __init__(self, phase: str) -> None:
        super().__init__(f"no answer within the limit ({phase.replace('_', ' ')})")
        self.phase = phase
        self.was_sent = phase != "connect"


class Broken(AttemptFailed):
    """The connection ended, or what came over it is no HTTP."""


class AnswerTooBig(AttemptFailed):
    """The answer exceeds its budget."""

    failure_class = "invalid_response"


class BodyTooBig(Exception):
    """The caller's body exceeds its budget."""


class BodyIncomplete(Exception):
    """The caller's body ended early."""


@dataclass
class Outgoing:
    """A request as it goes upstream; `length` is None for a body whose size nobody told."""

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
    """Seconds of one attempt: to connect, from the end of that to the answer's head, and to read
    its body."""

    connect: float = 0.0
    first_byte: float = 0.0
    body: float = 0.0


@dataclass
class Attempt:
    """An answer whose head has come. Iterate `chunks` for its body, and `close` it whatever
    happens."""

    response: httpcore.Response
    watch: Watch
    limits: Limits
    budget: int
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
        """The body's length as the upstream tells it."""
        told = header(self.headers, "content-length")
        return int(told) if told.isdigit() else None

    def next_chunk(self) -> bytes | None:
        """The next bytes of the body, None at its end. Raises TookTooLong, Broken, AnswerTooBig,
        CallerLeft."""
        if self._chunks is None:
            self._chunks = iter(self.response.iter_stream())
        started = time.monotonic()
        self.watch.enter("idle", self.limits.idle, each=True)
        with watched(self.watch), _translated():
            chunk = next(self._chunks, None)
        self.timings.body += time.monotonic() - started
        self.received += len(chunk or b"")
        if self.received > self.budget:
            raise AnswerTooBig(f"the answer exceeds {self.budget} bytes")
        return chunk

    def whole(self) -> bytes:
        """The whole body, within its budget; raises like `next_chunk`."""
        chunks = []
        while (chunk := self.next_chunk()) is not None:
            chunks.append(chunk)
        return b"".join(chunks)

    def close(self) -> None:
        """Give the connection back, or cut it if the answer is not at its end."""
        with watched(self.watch):
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
        network_backend=WatchedBackend(),
    )


def close_pool() -> None:
    """Close every connection, for tests and before a fork."""
    with _making:
        if _made_pool.cache_info().currsize:
            _made_pool().close()
            _made_pool.cache_clear()


def attempt(outgoing: Outgoing, limits: Limits, budget: int, watch: Watch) -> Attempt:
    """Send the request and wait for the answer's head.

    Raises AttemptFailed, BodyTooBig, BodyIncomplete, or CallerLeft of the watch.
    """
    timings = Timings()
    started, connected_before = time.monotonic(), watch.connected_seconds
    watch.enter("connect", limits.connect)
    request = httpcore.Request(
        outgoing.method,
        outgoing.url,
        headers=outgoing.framed(),
        content=_sent(outgoing.body, limits, watch),
    )
    with watched(watch), _translated():
        response = _pool().handle_request(request)
    timings.connect = watch.connected_seconds - connected_before
    timings.first_byte = time.monotonic() - started - timings.connect
    answer = Attempt(response, watch, limits, budget, timings)
    if (answer.length or 0) > budget and outgoing.method != "HEAD":
        answer.close()
        raise AnswerTooBig(f"the answer of {answer.length} bytes exceeds {budget}")
    return answer


def _sent(body: Iterable[bytes], limits: Limits, watch: Watch) -> Iterator[bytes]:
    """The body, told to the watch: the phase of waiting for the answer begins when all of it is
    sent."""
    watch.enter("send", limits.idle, each=True)
    yield from body
    watch.enter("first_byte", limits.first_byte)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except LimitPassed as error:
        raise TookTooLong(error.phase) from error
    except httpcore.ConnectTimeout as error:
        raise TookTooLong("connect") from error
    except (httpcore.ConnectError, httpcore.UnsupportedProtocol) as error:
        raise Unreachable("cannot connect to the upstream") from error
    except httpcore.TimeoutException as error:
        raise TookTooLong("total") from error
    except httpcore.LocalProtocolError as error:
        raise BodyIncomplete("the body is not as long as its Content-Length says") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise Broken("the connection broke before the answer was whole") from error
