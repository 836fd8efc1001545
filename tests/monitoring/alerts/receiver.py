"""A webhook's other side on the loopback, which keeps what it is sent and can misbehave."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from monitoring.models import AlertChannel, Severity


@dataclass
class Receiver:
    """What arrived, in its order; `status` is what it responds, after `seconds` or
    as soon as it may."""

    url: str = ""
    status: int = 204
    seconds: float = 0.0
    may_respond: threading.Event = field(default_factory=threading.Event)
    redirect: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    raw: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        return [body["kind"] for body in self.bodies]

    def titles(self, kind: str) -> list[str]:
        return [body["title"] for body in self.bodies if body["kind"] == kind]


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A server that records POSTs until the block ends."""
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.raw.append((dict(self.headers), body))
            if self.headers["Content-Type"] == "application/json":
                state.bodies.append(json.loads(body))
            state.may_respond.wait(state.seconds)
            self.send_response(state.status)
            if state.redirect:
                self.send_header("Location", state.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_port}/alerts"
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_channel(url: str, name: str = "local", **fields: Any) -> AlertChannel:
    """A webhook to an address."""
    channel = AlertChannel(
        name=name, kind=AlertChannel.Kind.WEBHOOK, least_severity=Severity.NOTICE, **fields
    )
    channel.store_address(url, "http://…")
    channel.store_secret("signing secret")
    channel.save()
    return channel


def make_apprise_channel(url: str, name: str = "apprise") -> AlertChannel:
    """A service that Apprise knows, at an address."""
    channel = AlertChannel(name=name)
    channel.store_address(url, "…")
    channel.save()
    return channel
