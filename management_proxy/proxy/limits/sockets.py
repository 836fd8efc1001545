"""Sockets to upstreams that heed two things while they wait: time, and the caller's own connection.

A thread that calls an upstream sets its `CallDeadline` first. From then on every wait of that
thread's sockets ends when the time of the call or of its present phase is over, or as soon as the
caller hangs up; whichever comes first. A pooled connection serves many threads in turn, so the
deadline belongs to the thread and not to the socket.
"""

import select
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

# What a caller's closing looks like; elsewhere than on Linux it shows only once the connection is
# gone both ways.
HANGUP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class CallerLeft(Exception):
    """The caller closed its connection; the response has no reader any more."""


class LimitPassed(Exception):
    """A wait outlived its limit; `phase` is `connect`, `send`, `first_byte`, `idle` or `total`."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


class CallDeadline:
    """How long one call may take, in all and by phase; instants are of the monotonic clock."""

    def __init__(self, total: float, caller: socket.socket | None = None) -> None:
        self.ends_at = time.monotonic() + total
        self.connected_seconds = 0.0
        self._caller = caller
        self._phase, self._each, self._phase_ends_at = "send", total, self.ends_at

    def enter(self, phase: str, seconds: float, *, each: bool = False) -> None:
        """Begin a phase that may last so long; with `each`, every wait in it may."""
        self._phase, self._each = phase, seconds
        self._phase_ends_at = float("inf") if each else time.monotonic() + seconds

    def seconds_left(self) -> float:
        """Seconds until the call has to be over."""
        return self.ends_at - time.monotonic()

    def next_wait(self) -> float:
        """Seconds that the next wait may take. Raises LimitPassed once there are none."""
        now = time.monotonic()
        if (total := self.ends_at - now) <= 0:
            raise LimitPassed("total")
        if (phase := self._phase_ends_at - now) <= 0:
            raise LimitPassed(self._phase)
        return min(total, phase, self._each)

    def wait(self, awaited: socket.socket | None, event: int) -> None:
        """Wait until the socket is ready. Raises LimitPassed or CallerLeft."""
        poller = select.poll()
        if awaited is not None:
            poller.register(awaited, event)
        if self._caller is not None and self._caller.fileno() >= 0:
            poller.register(self._caller, HANGUP)
        seconds = self.next_wait()
        ready = {descriptor for descriptor, _ in poller.poll(seconds * 1000)}
        if self._caller is not None and self._caller.fileno() in ready:
            raise CallerLeft
        if not ready and awaited is not None:
            raise LimitPassed("total" if time.monotonic() >= self.ends_at else self._phase)

    def limit_writes_to_caller(self, seconds: float) -> None:
        """Wait no longer than this for the caller to take each piece of the response; the server
        makes the wait endless again."""
        if self._caller is not None:
            self._caller.settimeout(seconds)

    def sleep(self, seconds: float) -> None:
        """Do nothing for a while. Raises LimitPassed if the call would be over by then, CallerLeft
        as soon as the caller leaves."""
        if time.monotonic() + seconds >= self.ends_at:
            raise LimitPassed("total")
        self.enter("pause", seconds)
        self.wait(None, 0)


_thread = threading.local()


@contextmanager
def enforced(deadline: CallDeadline) -> Iterator[None]:
    """Let this thread's sockets heed the deadline."""
    _thread.deadline = deadline
    try:
        yield
    finally:
        _thread.deadline = None


class DeadlineStream(httpcore.NetworkStream):
    """One connection; its waits are the deadline's, whatever limit the pool names."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._socket: socket.socket = inner.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline: CallDeadline = _thread.deadline
        # Bytes that TLS has decrypted already do not show on the socket.
        if not (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            deadline.wait(self._socket, select.POLLIN)
        return self._inner.read(max_bytes, deadline.next_wait())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        deadline: CallDeadline = _thread.deadline
        deadline.wait(self._socket, select.POLLOUT)
        self._inner.write(buffer, deadline.next_wait())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return DeadlineStream(
            self._inner.start_tls(ssl_context, server_hostname, _thread.deadline.next_wait())
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class DeadlineBackend(httpcore.NetworkBackend):
    """Makes connections that heed the deadline of the thread that uses them."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        deadline: CallDeadline = _thread.deadline
        started = time.monotonic()
        try:
            return DeadlineStream(
                self._inner.connect_tcp(
                    host, port, deadline.next_wait(), local_address, socket_options
                )
            )
        finally:
            deadline.connected_seconds += time.monotonic() - started
