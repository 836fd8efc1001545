"""The HTTP side of the port: HTTP/1.1 with keep-alive in front of the WSGI application."""

import io
import socket
import struct
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPMessage
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any
from urllib.parse import unquote_to_bytes

from management_proxy.simulator.app import DELIVERY, SimulatedUpstream
from management_proxy.simulator.clock import http_date
from management_proxy.simulator.wire import Delivery

# Closing with this option sends a reset instead of a farewell.
RESET = struct.pack("ii", 1, 0)
HEALTHY = Delivery()


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
        environ = self._environ()
        started: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self.app(environ, lambda status, headers: started.append((status, headers))))
        status, headers = started[0]
        self._deliver(int(status.split()[0]), headers, body, environ.get(DELIVERY) or HEALTHY)

    def _environ(self) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "REMOTE_ADDR": self.client_address[0],
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
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass

    def _deliver(self, status: int, headers: list[tuple[str, str]], body: bytes, delivery: Delivery) -> None:
        self.stopping.wait(delivery.hang_before)
        if delivery.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        if delivery.reset or delivery.cut_after == -1:
            raise Closed
        head = self._head(status, headers, body)
        if delivery == HEALTHY:
            self.connection.sendall(head + body)
            return
        self.connection.sendall(head)
        self.stopping.wait(delivery.hang_after)
        self._send_body(body, delivery)

    def _send_body(self, body: bytes, delivery: Delivery) -> None:
        if delivery.cut_after is not None:
            self.connection.sendall(body[: delivery.cut_after])
            raise Closed
        step = delivery.piece_bytes or len(body) or 1
        for start in range(0, len(body), step):
            self.connection.sendall(body[start : start + step])
            if delivery.piece_pause and self.stopping.wait(delivery.piece_pause):
                raise Closed

    def _head(self, status: int, headers: list[tuple[str, str]], body: bytes) -> bytes:
        lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {value}" for name, value in headers)]
        lines.append(f"Date: {http_date(time.time())}")
        if status != HTTPStatus.NO_CONTENT and self.command != "HEAD":
            lines.append(f"Content-Length: {len(body)}")
        if self.close_connection:
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
