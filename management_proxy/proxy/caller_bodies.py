"""A caller's body as it comes in: in bounded chunks, never more than its budget, never waited for
without a limit."""

import codecs
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from django.http import HttpRequest

CHUNK_BYTES = 64 * 1024


class BodyTooBig(Exception):
    """The caller's body exceeds its budget."""


class BodyIncomplete(Exception):
    """The caller's body ended early."""


@dataclass
class CallerBody:
    """`length` is None for a chunked body; `taken` counts the bytes that were read, `seconds`
    bounds how long it may take."""

    read: Callable[[int], bytes]
    length: int | None
    budget: int
    seconds: float
    connection: socket.socket | None = None
    taken: int = 0
    begun: bytes = b""

    def drop_mark(self) -> None:
        """Read the first bytes, and forget them if they are a byte-order mark of UTF-8, which the
        upstream's JSON reader refuses. Raises BodyIncomplete."""
        if self.length == 0:
            return
        with self._ended_in_time():
            self.begun = self._next(len(codecs.BOM_UTF8))
        if self.begun == codecs.BOM_UTF8:
            self.begun = b""
            if self.length is not None:
                self.length -= len(codecs.BOM_UTF8)

    def chunks(self) -> Iterator[bytes]:
        """The body piece by piece. Raises BodyTooBig over its budget, BodyIncomplete short of its
        length."""
        if self.length is not None and self.length > self.budget:
            raise BodyTooBig
        with self._ended_in_time():
            while chunk := self._following():
                self.taken += len(chunk)
                if self.taken > self.budget:
                    raise BodyTooBig
                yield chunk
        if self.length is not None and self.taken != self.length:
            raise BodyIncomplete

    def whole(self) -> bytes:
        """All of it; raises like `chunks`."""
        return b"".join(self.chunks())

    @contextmanager
    def _ended_in_time(self) -> Iterator[None]:
        # A read of the server's returns only when it is full, however slowly bytes drip in: its
        # connection is closed under it.
        if self.connection is None or self.length == 0:
            yield
            return
        timer = threading.Timer(self.seconds, _close_for_reading, [self.connection])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _following(self) -> bytes:
        begun, self.begun = self.begun, b""
        return begun or self._next(CHUNK_BYTES)

    def _next(self, size: int) -> bytes:
        try:
            return self.read(size)
        except OSError as error:
            raise BodyIncomplete from error


def _close_for_reading(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RD)


def body_of(request: HttpRequest, budget: int, seconds: float) -> CallerBody:
    """The request's body, not read yet."""
    connection = socket_of(request)
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        # Django takes a body without a length for an empty one.
        return CallerBody(request.META["wsgi.input"].read, None, budget, seconds, connection)
    length = request.headers.get("Content-Length") or "0"
    return CallerBody(
        request.read, int(length) if length.isdigit() else 0, budget, seconds, connection
    )


def socket_of(request: HttpRequest) -> socket.socket | None:
    """The caller's connection where the server gives access to it: polled for its end, and never
    waited for without a limit."""
    found = request.META.get("gunicorn.socket")
    return found if isinstance(found, socket.socket) else None
