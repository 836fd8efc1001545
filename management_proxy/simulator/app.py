"""The simulated upstream as a WSGI application."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from management_proxy.simulator import chats, public
from management_proxy.simulator.control.routes import PREFIX as CONTROL_PREFIX
from management_proxy.simulator.control.routes import Control
from management_proxy.simulator.http.access import client_address, supplied_key
from management_proxy.simulator.http.routing import Handler, find, run
from management_proxy.simulator.http.wire import (
    Request,
    Response,
    empty,
    error,
    parse_go_int,
)
from management_proxy.simulator.next_version import next_body
from management_proxy.simulator.options import Options
from management_proxy.simulator.profiles import PLUGINS_SINCE
from management_proxy.simulator.traffic.pop_log import Pop
from management_proxy.simulator.traffic.queue import as_page
from management_proxy.simulator.upstream import Upstream

PREFIX = "/v0/management/"
NO_KEY_NEEDED = frozenset({("POST", "oauth-callback"), ("GET", "oauth-callback")})
PLAIN_404 = b"404 page not found"
# The key of the WSGI environment under which a fault says how to deliver the response.
DELIVERY = "simulator.delivery"

StartResponse = Callable[..., Any]


class SimulatedUpstream(Upstream):
    """One simulated server; `handle` responds to a request."""

    def __init__(self, options: Options | None = None) -> None:
        super().__init__(options)
        self.control = Control(self)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = self.handle(request_of(environ))
        environ[DELIVERY] = response.delivery
        start_response(response.status_line, response.headers)
        return [response.body]

    def handle(self, request: Request) -> Response:
        """Respond to a request, faults included, and count it."""
        if request.path.startswith(CONTROL_PREFIX):
            return self.control.handle(request)
        request.arrived = self.options.clock()
        self.state.settle()
        response = self._with_faults(request)
        self.tally.note(request.method, request.path, response.status)
        if self.state.store.memory.get("logging-to-file"):
            self._log(request, response)
        return response

    def _log(self, request: Request, response: Response) -> None:
        target = f"{request.path}?{request.query_string}" if request.query_string else request.path
        address = client_address(request.headers, request.peer)
        self.state.log.note_request(response.status, address, request.method, target)

    def _with_faults(self, request: Request) -> Response:
        if self.latency:
            self.options.sleep(self.latency)
        fault = self.faults.take(request)
        if fault is None:
            return self.respond(request)
        if fault.kind == "latency":
            self.faults.delay(fault)
            return self.respond(request)
        return fault.alter(Response(200) if fault.is_before else self.respond(request))

    def respond(self, request: Request) -> Response:
        """Respond to a request without faults."""
        response = self._dispatch(request)
        response.headers = [*self.state.profile.cors_headers(), *response.headers]
        if request.method == "HEAD":
            response.body = b""
        return response

    def _dispatch(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return empty(204)
        redirect = self._redirect(request)
        if redirect:
            return redirect
        if request.path.startswith(PREFIX):
            return self._manage(request, request.path.removeprefix(PREFIX))
        found = public.serve(request, self.state.store.memory, self.state.world)
        return found or chats.serve(request, self) or self._not_found()

    def _not_found(self) -> Response:
        if self.state.profile.since(PLUGINS_SINCE):
            return empty(404)
        return Response(404, PLAIN_404, [("Content-Type", "text/plain")])

    def _redirect(self, request: Request) -> Response | None:
        """Send a path with a trailing slash to the route without it, as long as there is one."""
        canonical = request.path.rstrip("/")
        if request.path == canonical or request.path == "/":
            return None
        is_route = canonical in public.PATHS or (
            canonical.startswith(PREFIX)
            and self._handler(request.method, canonical.removeprefix(PREFIX)) is not None
        )
        if not is_route:
            return None
        target = canonical + (f"?{request.query_string}" if request.query_string else "")
        return Response(301 if request.method == "GET" else 307, b"", [("Location", target)])

    def _handler(self, method: str, path: str) -> Handler | None:
        if not self.state.profile.has_route(path):
            return None
        if (method, path) == ("GET", "usage-queue"):
            return self._pop
        if (method, path) == ("GET", "usage"):
            return self.legacy.read
        return find(self.state.routes, method, path)

    def _manage(self, request: Request, path: str) -> Response:
        handler = self._handler(request.method, path)
        if handler is None and not self.state.profile.since(PLUGINS_SINCE):
            return self._not_found()
        if not self.state.queue.management_enabled:
            return empty(404)
        if handler is not None and (request.method, path) in NO_KEY_NEEDED:
            return run(handler, request)
        address = client_address(request.headers, request.peer)
        refusal = self.state.gate.refusal(address, supplied_key(request.headers))
        response = error(*refusal) if refusal else run(handler, request) if handler else empty(404)
        response.headers = [*response.headers, *self.state.profile.headers()]
        is_list = path in ("usage-queue", "api-key-usage")
        if self.state.profile.is_next and request.method == "GET" and not is_list:
            response.body = next_body(response.body)
        return response

    def _pop(self, request: Request) -> Response:
        text = request.first("count").strip()
        count = parse_go_int(text) if text else 1
        if count is None or count <= 0:
            return error(400, "count must be a positive integer")
        taken = self.state.queue.pop(count)
        connection = f"{request.peer}:{request.peer_port}"
        self.pops.append(Pop(connection, request.arrived, self.options.clock(), len(taken)))
        page = as_page(taken)
        return Response(200, page, [("Content-Type", "application/json; charset=utf-8")])


def request_of(environ: dict[str, Any]) -> Request:
    """Return the request that a WSGI environment describes."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    query = environ.get("QUERY_STRING", "")
    headers = {
        name[5:].replace("_", "-").lower(): value
        for name, value in environ.items()
        if name.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return Request(
        method=environ["REQUEST_METHOD"],
        path=environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace"),
        query=parse_qs(query, keep_blank_values=True),
        headers=headers,
        body=environ["wsgi.input"].read(length) if length else b"",
        peer=environ.get("REMOTE_ADDR", "127.0.0.1"),
        query_string=query,
        peer_port=environ.get("REMOTE_PORT", ""),
    )
