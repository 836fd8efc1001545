"""A relay in front of the web server that counts polls and the bytes of their responses, headers
included; what a browser claims does not matter."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_POLL = b"\r\nhx-poll: true\r\n"
_CHUNK = 1 << 16


@dataclass(slots=True)
class Poll:
    """One poll: its path, the status of its response, and the response's bytes on the wire."""

    path: str
    status: int = 0
    response_bytes: int = 0


@dataclass
class Relay:
    """Where it listens, the polls that it has passed on, and how many other requests."""

    url: str
    polls: list[Poll] = field(default_factory=list)
    unmarked: int = 0

    def forget(self) -> None:
        """Count from now on."""
        self.polls.clear()
        self.unmarked = 0


@contextmanager
def relay_to(host: str, port: int) -> Iterator[Relay]:
    """Pass connections on to a server until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    relay = Relay(f"http://127.0.0.1:{listener.getsockname()[1]}")
    accepting = threading.Thread(target=_accept, args=(listener, host, port, relay), daemon=True)
    accepting.start()
    try:
        yield relay
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()


def _accept(listener: socket.socket, host: str, port: int, relay: Relay) -> None:
    while True:
        try:
            browser, _ = listener.accept()
        except OSError:
            return
        server = socket.create_connection((host, port))
        connection = _Connection(relay)
        for source, target, watch in (
            (browser, server, connection.sent),
            (server, browser, connection.returned),
        ):
            threading.Thread(target=_pass, args=(source, target, watch), daemon=True).start()


def _pass(source: socket.socket, target: socket.socket, watch: Callable[[bytes], None]) -> None:
    with suppress(OSError):
        while chunk := source.recv(_CHUNK):
            watch(chunk)
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


class _Connection:
    """What runs over one connection; a browser sends the next request after the last response."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay
        self._poll: Poll | None = None
        self._head = b""

    def sent(self, chunk: bytes) -> None:
        """Bytes of the browser; requests of pages have no body, so a request ends with its head."""
        self._head += chunk
        while b"\r\n\r\n" in self._head:
            head, _, self._head = self._head.partition(b"\r\n\r\n")
            is_poll = _POLL in (head + b"\r\n").lower()
            self._poll = Poll(head.split(b" ")[1].decode("latin-1")) if is_poll else None
            if self._poll:
                self._relay.polls.append(self._poll)
            else:
                self._relay.unmarked += 1

    def returned(self, chunk: bytes) -> None:
        """Bytes of the server."""
        if not self._poll:
            return
        if not self._poll.status and chunk.startswith(b"HTTP/1."):
            self._poll.status = int(chunk[9:12])
        self._poll.response_bytes += len(chunk)
