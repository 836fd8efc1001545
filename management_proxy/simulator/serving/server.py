"""The server: one port for HTTP and RESP, a thread per connection, and a thread for what happens by
itself."""

import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from management_proxy.simulator.app import PREFIX, SimulatedUpstream
from management_proxy.simulator.control.routes import PREFIX as CONTROL_PREFIX
from management_proxy.simulator.http.wire import Request, go_json
from management_proxy.simulator.options import Options
from management_proxy.simulator.serving.http import HttpSession
from management_proxy.simulator.serving.live import LiveTraffic
from management_proxy.simulator.serving.resp import FIRST_BYTES, Session

# A connection that sends nothing for so long after it was accepted is closed.
FIRST_BYTE_SECONDS = 10.0
STEP_SECONDS = 0.02


class SimulatorServer(socketserver.ThreadingTCPServer):
    """Accepts connections for one simulated upstream."""

    daemon_threads = True
    allow_reuse_address = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], app: SimulatedUpstream) -> None:
        self.app = app
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._session = type(
            "BoundSession", (HttpSession,), {"app": app, "stopping": self.stopping}
        )
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, socketserver.BaseRequestHandler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection; its first byte decides between RESP and HTTP."""
        connection: socket.socket = request
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections.add(connection)
        try:
            self._serve(connection, client_address)
        finally:
            self._connections.discard(connection)

    def _serve(self, connection: socket.socket, client_address: Any) -> None:
        connection.settimeout(FIRST_BYTE_SECONDS)
        with contextlib.suppress(OSError):
            first = connection.recv(1, socket.MSG_PEEK)
            connection.settimeout(None)
            if first and first in FIRST_BYTES:
                Session(connection, client_address[0], lambda: self.app.state).serve()
            elif first:
                self._session(connection, client_address, self)

    def shutdown_request(self, request: Any) -> None:
        # A lingering reset must not be preceded by an orderly farewell.
        connection: socket.socket = request
        with contextlib.suppress(OSError):
            lingers = connection.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8)
            if not any(lingers):
                connection.shutdown(socket.SHUT_WR)
        self.close_request(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a broken connection be; anything else is the simulator's own fault and is shown."""
        if not self.stopping.is_set():
            super().handle_error(request, client_address)

    def housekeep(self) -> None:
        """Make live traffic and apply what is due, until the server stops."""
        live = LiveTraffic(self.app)
        while not self.stopping.wait(STEP_SECONDS):
            live.step()
            self.app.state.settle()

    def run(self) -> None:
        threading.Thread(target=self.housekeep, daemon=True).start()
        self.serve_forever(poll_interval=0.05)

    def stop(self) -> None:
        """Stop accepting, end every hang, and close every connection."""
        self.stopping.set()
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class ControlRefused(Exception):
    """A control route does not exist, or does not take what it was given."""


@dataclass(frozen=True)
class RunningSimulator:
    """A simulator that serves in a thread of this process."""

    app: SimulatedUpstream
    host: str
    port: int

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    @property
    def management_url(self) -> str:
        return self.url + PREFIX.rstrip("/")

    @property
    def key(self) -> str:
        return self.app.options.key

    def control(self, path: str, value: Any = None, *, method: str = "") -> Any:
        """Call a control route, `POST` where there is a value, and return its result; raises
        ControlRefused."""
        request = Request(
            method=method or ("GET" if value is None else "POST"),
            path=CONTROL_PREFIX + path,
            headers={"x-control-key": self.app.options.control_key},
            body=b"" if value is None else go_json(value),
        )
        response = self.app.handle(request)
        if response.status != HTTPStatus.OK:
            raise ControlRefused(f"{response.status} {response.body.decode()}")
        return json.loads(response.body)


@contextlib.contextmanager
def running_simulator(
    host: str = "127.0.0.1", port: int = 0, **options: Any
) -> Iterator[RunningSimulator]:
    """Serve a simulated upstream in the background; the keyword arguments are the fields of
    `Options`."""
    app = SimulatedUpstream(Options(**options))
    server = SimulatorServer((host, port), app)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield RunningSimulator(app, host, server.server_address[1])
    finally:
        server.stop()
        thread.join(5)
