"""An HTTP client that costs next to nothing, so that a benchmark measures the server."""

import socket
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """One response: when its first byte of the body came (monotonic), how long all of it took, and
    how large it is."""

    status: int
    seconds: float
    first_byte_at: float
    size: int
    body: bytes


@dataclass
class Wire:
    """One kept connection to one server; connects again when it was closed."""

    url: str
    headers: dict[str, str]
    keeps_body: bool = False
    _socket: socket.socket | None = field(default=None, repr=False)

    def send(
        self, path: str, method: str = "GET", body: Iterable[bytes] = (), length: int = 0
    ) -> Reply:
        """Send a request and read its whole response; status 0 if the connection broke."""
        started = time.monotonic()
        try:
            self._send(method, path, body, length)
            return self._read(started)
        except OSError:
            self.close()
            return Reply(0, time.monotonic() - started, 0.0, 0, b"")

    def close(self) -> None:
        if self._socket:
            self._socket.close()
        self._socket = None

    def _send(self, method: str, path: str, body: Iterable[bytes], length: int) -> None:
        host = urlsplit(self.url)
        if self._socket is None:
            self._socket = socket.create_connection(
                (host.hostname or "", host.port or 80), timeout=120
            )
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {host.netloc}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        if length:
            lines.append(f"Content-Length: {length}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        for piece in body:
            self._socket.sendall(piece)

    def _read(self, started: float) -> Reply:
        assert self._socket
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines[1:])
        }
        first = time.monotonic() if rest else 0.0
        chunks, size, ended = [rest], len(rest), self._is_whole(headers, rest, len(rest))
        while not ended:
            piece = self._more()
            first = first or time.monotonic()
            size += len(piece)
            tail = (chunks[-1] + piece)[-5:]
            ended = (
                tail == b"0\r\n\r\n"
                if "transfer-encoding" in headers
                else size >= int(headers.get("content-length", 0))
            )
            chunks = [*chunks, piece] if self.keeps_body else [tail]
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Reply(
            int(lines[0].split()[1]),
            time.monotonic() - started,
            first,
            size,
            b"".join(chunks) if self.keeps_body else b"",
        )

    def _is_whole(self, headers: dict[str, str], rest: bytes, size: int) -> bool:
        if "transfer-encoding" in headers:
            return rest.endswith(b"0\r\n\r\n")
        return size >= int(headers.get("content-length", 0))

    def _more(self) -> bytes:
        assert self._socket
        if not (piece := self._socket.recv(262_144)):
            raise ConnectionResetError
        return piece


def together(
    clients: int, seconds: float, make: Callable[[], Wire], path: str, pause: float = 0.0
) -> list[Reply]:
    """The responses that so many clients get, each sending one request after the other, at least
    `pause` seconds apart."""
    ends_at = time.monotonic() + seconds

    def one() -> list[Reply]:
        wire, replies = make(), []
        while time.monotonic() < ends_at:
            due = time.monotonic() + pause
            replies.append(wire.send(path))
            time.sleep(max(0.0, due - time.monotonic()))
        wire.close()
        return replies

    with ThreadPoolExecutor(clients) as pool:
        return [
            reply
            for future in [pool.submit(one) for _ in range(clients)]
            for reply in future.result()
        ]
