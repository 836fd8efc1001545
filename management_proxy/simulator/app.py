"""The simulated upstream as a WSGI application."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from management_proxy.simulator.clock import NANOSECONDS
from management_proxy.simulator.control.control import PREFIX as CONTROL_PREFIX
from management_proxy.simulator.control.control import Control
from management_proxy.simulator.control.faults import Faults
from management_proxy.simulator.control.profiles import PLUGINS_SINCE
from management_proxy.simulator.http import public
from management_proxy.simulator.http.access import client_address, supplied_key
from management_proxy.simulator.http.routing import Handler, find, run
from management_proxy.simulator.http.wire import (
    Request,
    Response,
    empty,
    error,
    go_json,
    parse_go_int,
)
from management_proxy.simulator.options import Options
from management_proxy.simulator.state import State
from management_proxy.simulator.traffic.bulk import MOST_TEMPLATES, Batch, Bulk, generate
from management_proxy.simulator.traffic.legacy import LegacyUsage
from management_proxy.simulator.traffic.queue import as_page
from management_proxy.simulator.traffic.tally import Tally
from management_proxy.simulator.traffic.traffic import Event

PREFIX = "/v0/management/"
NO_KEY_NEEDED = frozenset({("POST", "oauth-callback"), ("GET", "oauth-callback")})
PLAIN_404 = b"404 page not found"
# The key of the WSGI environment under which a fault tells the server how to deliver the answer.
DELIVERY = "simulator.delivery"

StartResponse = Callable[..., Any]


class SimulatedUpstream:
    """One simulated server; `handle` answers a request, `generate` and `record` make usage
    events."""

    state: State

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.faults = Faults(self.options.seed, self.options.sleep)
        self.tally = Tally()
        self.rate = self.options.rate
        self.bulk_rate = self.latency = 0.0
        self.control = Control(self)
        self.reset()

    def reset(self) -> None:
        """Start all over, as if the server had just been made."""
        if hasattr(self, "state"):
            self.state.queue.disable_management()
        self.state = State(self.options)
        self.legacy = LegacyUsage()
        self.faults.clear()
        self.tally = Tally()
        self.rate, self.bulk_rate, self.latency = self.options.rate, 0.0, 0.0
        self._bulk: Bulk | None = None
        if self.options.record_handed_out:
            self.state.queue.handed_out_log = []

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = self.handle(request_of(environ))
        environ[DELIVERY] = response.delivery
        start_response(response.status_line, response.headers)
        return [response.body]

    def handle(self, request: Request) -> Response:
        """Answer a request, faults included, and count it."""
        if request.path.startswith(CONTROL_PREFIX):
            return self.control.handle(request)
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
            return self.answer(request)
        if fault.kind == "latency":
            self.faults.delay(fault)
            return self.answer(request)
        return fault.alter(Response(200) if fault.is_before else self.answer(request))

    def answer(self, request: Request) -> Response:
        """Answer a request without faults."""
        response = self._respond(request)
        response.headers = [*self.state.profile.cors_headers(), *response.headers]
        if request.method == "HEAD":
            response.body = b""
        return response

    def _respond(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return empty(204)
        redirect = self._redirect(request)
        if redirect:
            return redirect
        if request.path.startswith(PREFIX):
            return self._manage(request, request.path.removeprefix(PREFIX))
        found = public.respond(request, self.state.store.memory, self.state.world)
        return found or self._not_found()

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
        return response

    def _pop(self, request: Request) -> Response:
        text = request.first("count").strip()
        count = parse_go_int(text) if text else 1
        if count is None or count <= 0:
            return error(400, "count must be a positive integer")
        page = as_page(self.state.queue.pop(count))
        return Response(200, page, [("Content-Type", "application/json; charset=utf-8")])

    def record(self, events: Iterable[Event]) -> None:
        """Let attempts have happened."""
        events = list(events)
        self.state.record(events)
        if not self.state.profile.since((6, 10, 0)):
            self.legacy.note(events)

    def queue_history(self, days: int, per_day: int) -> int:
        """Stock the queue with the past days' events, oldest first; they stay until popped. Return
        how many they are."""
        now = datetime.fromtimestamp(self.options.clock(), UTC)
        return self.state.queue.stock(
            self._past(self.state.refresh_traffic().history(days, per_day, now))
        )

    def _past(self, events: Iterable[Event]) -> Iterator[bytes]:
        for event in events:
            self.state.results.count(
                event["auth_index"], int(not event["failed"]), int(event["failed"])
            )
            yield go_json(self.state.profile.shape(event))

    def generate(self, events: int, spread: float = 60.0, seed: int | None = None) -> None:
        """Queue exactly so many events at once, and count them as their credentials' results."""
        state = self.state
        chosen = state.shuffle_seed() if seed is None else seed
        batch = generate(
            state.refresh_traffic(), state.profile, events, self.options.clock(), spread, chosen
        )
        self._queue(batch)

    def make_bulk(self, events: int) -> None:
        """Queue so many events that ended just now, at little cost."""
        if self._bulk is None:
            self._bulk = Bulk(
                self.state.refresh_traffic(),
                self.state.profile,
                MOST_TEMPLATES,
                self.options.clock(),
                self.state.shuffle_seed(),
            )
        self._queue(self._bulk.take(events, int(self.options.clock() * NANOSECONDS), 1000))

    def _queue(self, batch: Batch) -> None:
        self.state.queue.push(batch.payloads)
        for (index, failed), count in batch.outcomes.items():
            self.state.results.count(index, 0 if failed else count, count if failed else 0)


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
    )
