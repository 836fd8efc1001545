"""An upstream's response as its caller gets it: whole, and masked where it must be, or streamed as
it comes."""

import errno
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeVar

from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.proxy.attempts import Attempt, Outgoing
from management_proxy.proxy.caller_bodies import CallerBody
from management_proxy.proxy.limits.sockets import CallDeadline, CallerLeft
from management_proxy.proxy.refusals import Refusal
from management_proxy.proxy.rules.headers import headers_to_caller
from management_proxy.proxy.rules.policy import Mask, Policy
from management_proxy.proxy.rules.response_masks import Unmaskable, masked_body
from management_proxy.proxy.rules.text_mask import TextMask
from management_proxy.traffic.calls import Call

R = TypeVar("R", bound=HttpResponseBase)

# These describe the upstream's bytes, which masking replaces.
_OF_EXACT_BYTES = frozenset({"ETag", "Content-Encoding", "Content-Range", "Accept-Ranges"})


@dataclass
class Trip:
    """Everything about one call that was let in."""

    call: Call
    policy: Policy
    upstream: Upstream
    key: str = field(repr=False)
    outgoing: Outgoing
    deadline: CallDeadline
    mask: Mask
    body: CallerBody
    held: ExitStack = field(default_factory=ExitStack)


@dataclass
class Ready:
    """A response of which nothing has reached the caller yet: whole, or its first chunk and the
    rest to come."""

    attempt: Attempt
    body: bytes = b""
    is_whole: bool = True


def whole_response(trip: Trip, ready: Ready) -> HttpResponse:
    """The response in one piece. Raises Refusal if its secrets cannot be masked."""
    headers, body = headers_to_caller(ready.attempt.headers), ready.body
    if trip.mask is not Mask.NOTHING:
        body = _masked(trip.mask, body)
        headers = _without_exact_bytes(headers)
    return _with_type(HttpResponse(body, status=ready.attempt.status, headers=headers), headers)


def _without_exact_bytes(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name not in _OF_EXACT_BYTES}


def _masked(mask: Mask, body: bytes) -> bytes:
    try:
        return masked_body(mask, body)
    except Unmaskable as error:
        message = "The upstream's response cannot be read, so that its secrets cannot be masked."
        raise Refusal(502, "UPSTREAM_UNINTELLIGIBLE", message) from error


def streamed_response(trip: Trip, ready: Ready, held: ExitStack) -> StreamingHttpResponse:
    """The response piece by piece; `held` is let go when it is over."""
    begun = ready.attempt
    headers = headers_to_caller(begun.headers)
    raw = ResponseStream(trip, ready, held)
    stream = MaskedStream(raw) if trip.mask is Mask.TEXT else raw
    if stream is not raw:
        headers = _without_exact_bytes(headers)
    elif begun.length is not None:
        headers["Content-Length"] = str(begun.length)
    return _with_type(StreamingHttpResponse(stream, status=begun.status, headers=headers), headers)


def _with_type(response: R, headers: dict[str, str]) -> R:
    # Django would invent a type for a response that has none.
    if "Content-Type" not in headers:
        del response.headers["Content-Type"]
    return response


class ResponseStream:
    """The body of a response on its way to the caller. Holds the call's slot until it is closed."""

    def __init__(self, trip: Trip, ready: Ready, held: ExitStack) -> None:
        trip.deadline.limit_writes_to_caller(trip.policy.limits.idle)
        self._trip, self._attempt, self._held = trip, ready.attempt, held
        self._first: bytes | None = ready.body

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        chunk, self._first = self._first, None
        if chunk is None and (chunk := self._next_chunk()) is None:
            self._trip.call.bytes_out = self._attempt.received
            self._trip.call.finish("passed", self._attempt.status)
            raise StopIteration
        return chunk

    def _next_chunk(self) -> bytes | None:
        """The next chunk. Whatever hinders it cuts the caller's connection: the status has been
        sent already."""
        before = self._attempt.timings.body
        try:
            return self._attempt.next_chunk()
        except CallerLeft as error:
            self._trip.call.finish("caller_left", self._attempt.status)
            raise ConnectionResetError(errno.ECONNRESET, "the caller left") from error
        except UpstreamError as error:
            self._trip.call.finish("cut", self._attempt.status, str(error))
            raise ConnectionResetError(errno.ECONNRESET, f"cut: {error}") from error
        finally:
            self._trip.call.body_seconds += self._attempt.timings.body - before

    def close(self) -> None:
        """Called by the server at the end, also when the caller left or the connection was cut."""
        self._trip.call.bytes_out = self._attempt.received
        self._trip.call.finish("caller_left", self._attempt.status)
        self._attempt.close()
        self._held.close()


class MaskedStream:
    """A streamed text without its secrets; of the text it holds little more than a chunk."""

    def __init__(self, stream: ResponseStream) -> None:
        self._stream, self._mask = stream, TextMask()
        self._is_over = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while not self._is_over:
            chunk = next(self._stream, None)
            self._is_over = chunk is None
            passed = self._mask.finish() if chunk is None else self._mask.feed(chunk)
            if passed:
                return passed
        raise StopIteration

    def close(self) -> None:
        self._stream.close()
