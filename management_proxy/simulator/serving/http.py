"""The HTTP side of the port: HTTP/1.1 with keep-alive in front of the WSGI application."""

import io
import socket
import struct
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any
from urllib.parse import unquote_to_bytes

from management_proxy.simulator.app import DELIVERY, SimulatedUpstream
from management_proxy.simulator.clock import http_date
from management_proxy.simulator.http.wire import Delivery

# Closing with this option sends a reset instead of a farewell.
RESET = struct.pack("ii", 1, 0)
HEALTHY = Delivery()
# Go's server buffers so much of a response; a longer one of unknown length goes out in chunks.
LONGEST_UNCHUNKED = 2048
BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection:"
    b" close\r\n\r\n400 Bad Request"
)


class Closed(Exception):
    """The connection is to end here."""


class HttpSession(BaseHTTPRequestHandler):
    """One HTTP connection."""

    protocol_version = "HTTP/1.1"
    rbufsize = 64 * 1024
    app: SimulatedUpstream
    stopping: Event
    headers: HTTPMessage
    connection: socket.socket

    def handle(self) -> None:
        self.close_connection = True
        try:
            super().handle()
        except (Closed, ConnectionError, TimeoutError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing; the simulated log file holds the requests."""

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline:
            self.close_connection = True
            return
        if self.parse_request():
            self._answer()

    def _answer(self) -> None:
        try:
            environ = self._environ()
        except ValueError as problem:
            self.connection.sendall(BAD_REQUEST)
            raise Closed from problem
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(
            self.app(environ, lambda status, headers: started.append((status, headers)))
        )
        status, headers = started[0]
        self._deliver(int(status.split()[0]), headers, body, environ.get(DELIVERY) or HEALTHY)

    def _environ(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
            "REMOTE_PORT": str(self.client_address[1]),
            "wsgi.input": io.BytesIO(self._read_body()),
            "SERVER_PROTOCOL": self.request_version,
        }
        environ["CONTENT_LENGTH"] = str(len(environ["wsgi.input"].getvalue()))
        environ["CONTENT_TYPE"] = self.headers.get("Content-Type", "")
        for name, value in self.headers.items():
            key = "HTTP_" + name.upper().replace("-", "_")
            environ[key] = f"{environ[key]}, {value}" if key in environ else value
        return environ

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        size = int(self.headers.get("Content-Length") or 0)
        if size < 0:
            raise ValueError("negative length")
        return self.rfile.read(size)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _deliver(
        self, status: int, headers: list[tuple[str, str]], body: bytes, delivery: Delivery
    ) -> None:
        self.stopping.wait(delivery.hang_before)
        if delivery.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if delivery.reset or delivery.cut_after == -1:
            raise Closed
        is_chunked = self._is_chunked(headers, body)
        head = self._head(status, headers, None if is_chunked else len(body))
        frame = (b"%x\r\n" % len(body), b"\r\n0\r\n\r\n") if is_chunked else (b"", b"")
        if delivery == HEALTHY:
            self.connection.sendall(b"".join((head, frame[0], body, frame[1])))
            return
        self.connection.sendall(head)
        self.stopping.wait(delivery.hang_after)
        self.connection.sendall(frame[0])
        self._send_body(body, delivery)
        self.connection.sendall(frame[1])

    def _is_chunked(self, headers: list[tuple[str, str]], body: bytes) -> bool:
        # Downloads are served from files, whose length is known.
        is_download = any(name == "Accept-Ranges" for name, _ in headers)
        return (
            len(body) > LONGEST_UNCHUNKED and not is_download and self.request_version == "HTTP/1.1"
        )

    def _send_body(self, body: bytes, delivery: Delivery) -> None:
        if delivery.cut_after is not None:
            self.connection.sendall(body[: delivery.cut_after])
            raise Closed
        step = delivery.piece_bytes or len(body) or 1
        for start in range(0, len(body), step):
            self.connection.sendall(body[start : start + step])
            if delivery.piece_pause and self.stopping.wait(delivery.piece_pause):
                raise Closed

    def _head(self, status: int, headers: list[tuple[str, str]], size: int | None) -> bytes:
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in headers),
        ]
        lines.append(f"Date: {http_date(self.app.options.clock())}")
        if size is None:
            lines.append("Transfer-Encoding: chunked")
        elif status != HTTPStatus.NO_CONTENT and self.command != "HEAD":
            lines.append(f"Content-Length: {size}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
