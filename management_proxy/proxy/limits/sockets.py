"""Sockets to upstreams that heed two things while they wait: time, and the caller's own connection.

A thread that calls an upstream sets its `Watch` first. From then on every wait of that thread's
sockets ends at the watch's deadline, at the limit of the present phase, or as soon as the caller
hangs up; whichever comes first. A pooled connection serves many threads in turn, so the watch
belongs to the thread and not to the socket.
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
    """The caller closed its connection; nobody waits for the answer any more."""


class LimitPassed(Exception):
    """A wait outlived its limit; `phase` is `connect`, `send`, `first_byte`, `idle` or `total`."""

    def __init__(self, phase: str) -> None:
        super().__init__(phase)
        self.phase = phase


class Watch:
    """What one call may spend; instants are of the monotonic clock."""

    def __init__(self, total: float, caller: socket.socket | None = None) -> None:
        self.deadline = time.monotonic() + total
        self.connected_seconds = 0.0
        self._caller = caller
        self._phase, self._each, self._ends = "send", total, self.deadline

    def enter(self, phase: str, seconds: float, *, each: bool = False) -> None:
        """Begin a phase that may last so long; with `each`, every wait in it may."""
        self._phase, self._each, self._ends = (
            phase,
            seconds,
            float("inf") if each else time.monotonic() + seconds,
        )

    def deadline_in(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def left(self) -> float:
        """Seconds that the next wait may take. Raises LimitPassed once there are none."""
        now = time.monotonic()
        if (total := self.deadline - now) <= 0:
            raise LimitPassed("total")
        if (phase := self._ends - now) <= 0:
            raise LimitPassed(self._phase)
        return min(total, phase, self._each)

    def wait(self, awaited: socket.socket | None, event: int) -> None:
        """Wait until the socket is ready. Raises LimitPassed or CallerLeft."""
        poller = select.poll()
        if awaited is not None:
            poller.register(awaited, event)
        if self._caller is not None and self._caller.fileno() >= 0:
            poller.register(self._caller, HANGUP)
        seconds = self.left()
        ready = {descriptor for descriptor, _ in poller.poll(seconds * 1000)}
        if self._caller is not None and self._caller.fileno() in ready:
            raise CallerLeft
        if not ready and awaited is not None:
            raise LimitPassed("total" if time.monotonic() >= self.deadline else self._phase)

    def be_patient_with_caller(self, seconds: float) -> None:
        """Wait no longer than this for the caller to take each piece of the answer; the server
        makes the wait endless again."""
        if self._caller is not None:
            self._caller.settimeout(seconds)

    def sleep(self, seconds: float) -> None:
        """Do nothing for a while. Raises LimitPassed if the deadline would pass, CallerLeft as soon
        as the caller leaves."""
        if time.monotonic() + seconds >= self.deadline:
            raise LimitPassed("total")
        self.enter("pause", seconds)
        self.wait(None, 0)


_thread = threading.local()


@contextmanager
def watched(watch: Watch) -> Iterator[None]:
    """Let this thread's sockets heed the watch."""
    _thread.watch = watch
    try:
        yield
    finally:
        _thread.watch = None


class WatchedStream(httpcore.NetworkStream):
    """One connection; its waits are the watch's, whatever limit the pool names."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._socket: socket.socket = inner.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        watch: Watch = _thread.watch
        # Bytes that TLS has decrypted already do not show on the socket.
        if not (isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()):
            watch.wait(self._socket, select.POLLIN)
        return self._inner.read(max_bytes, watch.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        watch: Watch = _thread.watch
        watch.wait(self._socket, select.POLLOUT)
        self._inner.write(buffer, watch.left())

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return WatchedStream(
            self._inner.start_tls(ssl_context, server_hostname, _thread.watch.left())
        )

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class WatchedBackend(httpcore.NetworkBackend):
    """Makes connections that heed the watch of the thread that uses them."""

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
        watch: Watch = _thread.watch
        started = time.monotonic()
        try:
            return WatchedStream(
                self._inner.connect_tcp(host, port, watch.left(), local_address, socket_options)
            )
        finally:
            watch.connected_seconds += time.monotonic() - started
