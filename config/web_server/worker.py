"""gunicorn's threaded worker, whose threads do not wait for callers.

States of a connection: its request arrives (the loop reads it) -> a thread works on it -> the rest
of its response leaves (the loop writes it) -> the next request, or the end.

Invariants: a thread reads from a caller only the rest of a body over `BODY_BYTES`, of which a
quarter of the threads at most is busy with; it writes to a caller who does not read only what is
over `MOST_UNSENT`, again a quarter at most. Whatever else a caller does slowly, or not at all,
costs a descriptor until its deadline. An address has `MOST_OF_AN_ADDRESS` connections, all
together have `worker_connections`; one more closes the one that has waited longest. Deadlines are
of the monotonic clock and begin with each wait, so that dripping bytes prolongs nothing.

gunicorn's own worker reads heads, bodies and the end of a connection in its threads, or in its
loop, and waits there without a limit. TLS ends at a reverse proxy; this worker has none.
"""

import errno
import selectors
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from ipaddress import ip_address, ip_network
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from config.environment import read_environment
from config.web_server.caller_socket import CallerSocket
from config.web_server.connection import Connection, Phase
from config.web_server.incoming import Stage
from config.web_server.refusals import BUSY, HEAD_TOO_LARGE, LATE, Refusal

REQUEST_SECONDS = 10.0
SLOT_SECONDS = 30.0
READER_SECONDS = 60.0
END_SECONDS = 2.0
MOST_OF_AN_ADDRESS = 64
RECEIVE_BYTES = 64 * 1024
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]
    """Reads requests and writes the rest of responses in its loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        share = max(1, self.cfg.threads // 4)
        self._patience = threading.Semaphore(share)
        self._large_slots = share
        self._large: deque[Connection] = deque()
        self._waiting: dict[Connection, None] = {}
        self._of_address: Counter[str] = Counter()
        self._exempt = _networks(read_environment()["TRUSTED_PROXIES"])
        self._next_expiry = 0.0

    def accept(self, listener: socket.socket) -> None:
        """Accept a connection, closing another one if there are too many."""
        try:
            accepted, client = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE) and self._waiting:
                self._close(next(iter(self._waiting)))
            return
        caller = CallerSocket(accepted, self._patience)
        connection = Connection(self.cfg, caller, client, listener.getsockname())
        self.nr_conns += 1
        self._of_address[connection.address] += 1
        if self._make_room(connection.address):
            self._wait(connection, Phase.REQUEST, REQUEST_SECONDS)
        else:
            self._close(connection)

    def _make_room(self, address: str) -> bool:
        candidates: Iterable[Connection] = self._waiting
        if self._of_address[address] > MOST_OF_AN_ADDRESS and not self._is_exempt(address):
            candidates = (known for known in self._waiting if known.address == address)
        elif self.nr_conns < self.worker_connections:
            return True
        longest = next(iter(candidates), None)
        if longest is not None:
            self._close(longest)
        return longest is not None

    def _is_exempt(self, address: str) -> bool:
        # A reverse proxy stands for many callers, and bounds them itself.
        return not address or any(ip_address(address) in network for network in self._exempt)

    def _wait(self, connection: Connection, phase: Phase, seconds: float) -> None:
        connection.enter(phase, seconds)
        self._waiting[connection] = None
        handlers: dict[Phase, tuple[int, Callable[..., None]]] = {
            Phase.REQUEST: (selectors.EVENT_READ, self._receive),
            Phase.READER: (selectors.EVENT_WRITE, self._send),
            Phase.END: (selectors.EVENT_READ, self._discard),
        }
        if phase in handlers:
            event, handler = handlers[phase]
            self.poller.register(connection.sock, event, partial(handler, connection))

    def _stop_waiting(self, connection: Connection) -> None:
        if connection in self._waiting:
            del self._waiting[connection]
            if connection.phase is not Phase.SLOT:
                self.poller.unregister(connection.sock)

    def _receive(self, connection: Connection, _sock: socket.socket) -> None:
        try:
            received = connection.sock.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        if not received:
            self._close(connection)
            return
        if not connection.incoming.received:
            connection.enter(Phase.REQUEST, REQUEST_SECONDS)
        connection.incoming.received += received
        self._proceed(connection)

    def _proceed(self, connection: Connection) -> None:
        stage = connection.incoming.stage()
        waits = stage in (Stage.BODY, Stage.LARGE) and connection.incoming.expects_continue()
        if waits and not self._write(connection, CONTINUE):
            return
        if stage is Stage.WHOLE:
            self._dispatch(connection)
        elif stage is Stage.LARGE:
            self._stop_waiting(connection)
            self._wait(connection, Phase.SLOT, SLOT_SECONDS)
            self._large.append(connection)
            self._dispatch_large()
        elif stage is Stage.HEAD_TOO_LARGE:
            self._refuse(connection, HEAD_TOO_LARGE)

    def _dispatch(self, connection: Connection) -> None:
        self._stop_waiting(connection)
        connection.phase = Phase.RESPONSE
        connection.give_to_parser()
        self.enqueue_req(connection)

    def _dispatch_large(self) -> None:
        while self._large and self._large_slots:
            connection = self._large.popleft()
            if connection in self._waiting:
                self._large_slots -= 1
                connection.is_large = True
                self._dispatch(connection)

    def finish_request(self, connection: Connection, done: "Future[Any]") -> None:
        """Take a connection back from its thread."""
        if connection.is_large:
            connection.is_large = False
            self._large_slots += 1
            self._dispatch_large()
        broken = done.cancelled() or done.exception() is not None
        if broken or connection.sock.fileno() < 0:
            self._close(connection)
            return
        connection.is_kept = bool(done.result())
        self._finish(connection)

    def _finish(self, connection: Connection) -> None:
        if connection.sock.unsent:
            self._wait(connection, Phase.READER, READER_SECONDS)
        elif not connection.is_kept:
            self._end(connection)
        else:
            connection.take_from_parser()
            self._wait(connection, Phase.REQUEST, self.cfg.keepalive)
            if connection.incoming.received:
                connection.enter(Phase.REQUEST, REQUEST_SECONDS)
                self._proceed(connection)

    def _send(self, connection: Connection, _sock: socket.socket) -> None:
        if self._write(connection) and not connection.sock.unsent:
            self._stop_waiting(connection)
            self._finish(connection)

    def _write(self, connection: Connection, data: bytes = b"") -> bool:
        connection.sock.unsent += data
        try:
            connection.sock.send_unsent()
        except OSError:
            self._close(connection)
            return False
        return True

    def _refuse(self, connection: Connection, refusal: Refusal) -> None:
        self._stop_waiting(connection)
        if self._write(connection, refusal.response(bytes(connection.incoming.received))):
            self._end(connection)

    def _end(self, connection: Connection) -> None:
        # Closing at once would cut off what the caller has not read yet (RFC 9112, 9.6).
        try:
            connection.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._close(connection)
            return
        self._wait(connection, Phase.END, END_SECONDS)

    def _discard(self, connection: Connection, _sock: socket.socket) -> None:
        try:
            if connection.sock.recv(RECEIVE_BYTES):
                return
        except BlockingIOError:
            return
        except OSError:
            pass
        self._close(connection)

    def _close(self, connection: Connection) -> None:
        self._stop_waiting(connection)
        self._of_address[connection.address] -= 1
        if not self._of_address[connection.address]:
            del self._of_address[connection.address]
        self.nr_conns -= 1
        connection.close()

    def murder_keepalived(self, force: bool = False) -> None:
        """Close all that waits, at the end of the worker's life."""
        if force:
            for connection in list(self._waiting):
                self._close(connection)

    def murder_pending(self) -> None:
        """Close what has waited too long."""
        if (now := time.monotonic()) < self._next_expiry:
            return
        self._next_expiry = now + 0.5
        for connection in list(self._waiting):
            if connection.deadline < now or (not self.alive and self._is_idle(connection, now)):
                self._expire(connection)

    def _is_idle(self, connection: Connection, now: float) -> bool:
        has_begun = bool(connection.incoming.received) or connection.phase is not Phase.REQUEST
        return not has_begun and now > connection.since + END_SECONDS

    def _expire(self, connection: Connection) -> None:
        if connection.phase is Phase.SLOT:
            self._refuse(connection, BUSY)
        elif connection.phase is Phase.REQUEST and connection.incoming.received:
            self._refuse(connection, LATE)
        else:
            self._close(connection)


def _networks(configured: list[str]) -> list[Any]:
    networks = []
    for text in configured:
        with suppress(ValueError):  # a system check names it
            networks.append(ip_network(text, strict=False))
    return networks
