"""Control of the simulator itself, outside everything that the real server has.

Only loopback peers are served, and only with the header `X-Control-Key` where a control key is
set. All bodies are JSON.

    GET    /__control/state             counters: queue, requests by route and status, failed
           logins, faults in force
    POST   /__control/faults            a fault or a list of them (see below); GET lists, DELETE
           removes all
    POST   /__control/events            a JSON array: each element is queued as it is; with
           `Content-Type: application/x-ndjson` each line's bytes are an element, valid JSON or not
    POST   /__control/generate          {"events": N, "spread": seconds, "seed": S}: queue N
           generated events
    POST   /__control/hostile           {"kinds": ["nul", "big", ...], "bytes": N}: elements that
           no reader should trust
    POST   /__control/settings          any of retention, statistics, rate, bulk_rate (events per
           second at little cost, for load), latency, failure_rate, reload_window (null: grows with
           the configuration), network, latest_version, record_handed_out, oauth_seconds
    POST   /__control/subscriber        {"reading": bool, "count": N, "absorbs": N}: competing
           subscribers; one that does not read is dropped after its buffer and what the kernel
           absorbs are full; DELETE sends them away
    POST   /__control/oauth             {"state": S, "outcome": "ok" | "bad ..."}: finish a login
    POST   /__control/api-call          {"url": prefix, "status": N, "header": {}, "body": text}: a
           canned response
    POST   /__control/results           {"auth_index", "model", "status", "body"}: one outcome of a
           credential, no event
    POST   /__control/restart           queue gone, counters 0; POST /__control/reset starts all
           over
    GET    /__control/handed-out        the recorded elements as texts, in order; DELETE forgets
           them
    GET    /__control/pops              the newest pops: connection, when each arrived and took its
           events, how many; DELETE forgets them
    GET    /__control/sums              count, SHA-256 and token sums of the recorded elements

A fault is {"kind": K, "path": pattern, "method": M, "count": N or null, "probability": P, "when":
"before" | "after", "seconds": S, "status": N, "body": text, "bytes": N}; only `kind` must be given.
Kinds: `latency`, `hang_before_headers`, `hang_after_headers`, `cut` (closed without a byte),
`cut_body` (closed after `bytes` of the body), `reset`, `status`, `drip` (`bytes` at a time, every
`seconds`), `huge` (a body of `bytes`), `garbage` (200 with `body`). `when` is whether the handler
runs: "after" means that the queue is popped although the response never arrives whole. It is
"before" by default for `status` and `reset`, and "after" for the others.
"""

import hmac
import json
from typing import Any

from management_proxy.simulator.control.handed_out import HandedOutRoutes
from management_proxy.simulator.http.access import LOCAL
from management_proxy.simulator.http.faults import UnknownFault, read_fault
from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import (
    BadBody,
    Request,
    Response,
    empty,
    error,
    go_json,
    ok,
    read_json,
    respond,
)
from management_proxy.simulator.tools import Canned
from management_proxy.simulator.traffic import hostile
from management_proxy.simulator.traffic.queue import SUBSCRIBER_BUFFER, Drain, Loose, Subscriber
from management_proxy.simulator.upstream import Upstream

PREFIX = "/__control/"
CONFIG_SETTINGS = {
    "retention": "redis-usage-queue-retention-seconds",
    "statistics": "usage-statistics-enabled",
}
NDJSON = "application/x-ndjson"


class Control:
    """The control routes of one simulated upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._competitors: list[Subscriber] = []
        self._routes: Routes = {
            ("GET", "state"): self.state,
            ("GET", "faults"): self.list_faults,
            ("POST", "faults"): self.add_faults,
            ("DELETE", "faults"): self.clear_faults,
            ("POST", "events"): self.events,
            ("POST", "generate"): self.generate,
            ("POST", "hostile"): self.hostile,
            ("POST", "settings"): self.settings,
            ("POST", "subscriber"): self.subscribe,
            ("DELETE", "subscriber"): self.unsubscribe,
            ("POST", "oauth"): self.oauth,
            ("POST", "api-call"): self.api_call,
            ("POST", "results"): self.results,
            ("POST", "restart"): self.restart,
            ("POST", "reset"): self.reset,
            **HandedOutRoutes(upstream).routes(),
        }

    def handle(self, request: Request) -> Response:
        key = self.upstream.options.control_key
        if request.peer not in LOCAL:
            return error(403, "control is for loopback peers only")
        if key and not hmac.compare_digest(request.headers.get("x-control-key", ""), key):
            return error(401, "wrong control key")
        handler = self._routes.get((request.method, request.path.removeprefix(PREFIX)))
        if handler is None:
            return empty(404)
        try:
            return handler(request)
        except (BadBody, UnknownFault, KeyError, TypeError, ValueError) as problem:
            return error(400, f"{type(problem).__name__}: {problem}")

    def state(self, _request: Request) -> Response:
        upstream, queue = self.upstream, self.upstream.state.queue
        upstream.state.settle()
        return respond(
            {
                "queued": len(queue),
                "pushed": queue.pushed,
                "handed_out": queue.handed_out,
                "pruned": queue.pruned,
                "swallowed": queue.swallowed,
                "not_recorded": queue.not_recorded,
                "subscribers": queue.subscriber_count(),
                "failed_logins": upstream.state.bans.failed_logins,
                "requests": upstream.tally.shown(),
                "faults": len(upstream.faults.active),
                "rate": upstream.rate,
                "reload_pending": upstream.state.store.due_at is not None,
                "counters": self._counters(),
            }
        )

    def _counters(self) -> dict[str, dict[str, int]]:
        state = self.upstream.state
        indexes = [
            *(state.directory.index(file) for file in state.directory.all()),
            *(key.index for key in state.keys),
        ]
        totals = {index: state.results.total(index) for index in indexes}
        return {
            index: {"success": success, "failed": failed}
            for index, (success, failed) in totals.items()
        }

    def list_faults(self, _request: Request) -> Response:
        return respond([vars(fault) for fault in self.upstream.faults.active])

    def add_faults(self, request: Request) -> Response:
        value = read_json(request.body)
        faults = [read_fault(one) for one in (value if isinstance(value, list) else [value])]
        for fault in faults:
            self.upstream.faults.add(fault)
        return ok()

    def clear_faults(self, _request: Request) -> Response:
        self.upstream.faults.clear()
        return ok()

    def events(self, request: Request) -> Response:
        if request.headers.get("content-type", "").startswith(NDJSON):
            payloads = [_payload(line) for line in request.body.split(b"\n") if line]
        else:
            value = read_json(request.body)
            payloads = [go_json(one) for one in (value if isinstance(value, list) else [value])]
        self.upstream.state.queue.push(payloads)
        return respond({"queued": len(payloads)})

    def generate(self, request: Request) -> Response:
        value = _members(request)
        self.upstream.generate(
            int(value["events"]), float(value.get("spread", 60.0)), value.get("seed")
        )
        return respond({"queued": int(value["events"])})

    def hostile(self, request: Request) -> Response:
        value = _members(request)
        kinds = value.get("kinds") or list(hostile.MAKERS)
        traffic = self.upstream.state.refresh_traffic()
        start = int(self.upstream.options.clock() * 1e9)
        events = [traffic.request(start + position)[0][1] for position in range(len(kinds))]
        payloads = hostile.make(kinds, events, int(value.get("bytes", hostile.BIG)))
        self.upstream.state.queue.push(payloads)
        return respond({"queued": len(payloads), "kinds": kinds})

    def settings(self, request: Request) -> Response:
        for name, value in _members(request).items():
            self._set(name, value)
        return ok()

    def _set(self, name: str, value: Any) -> None:
        upstream, state = self.upstream, self.upstream.state
        if name in CONFIG_SETTINGS:
            state.configure({CONFIG_SETTINGS[name]: value})
        elif name in ("rate", "bulk_rate", "latency"):
            setattr(upstream, name, float(value))
        elif name == "failure_rate":
            state.traffic.failure_rate = float(value)
        elif name == "reload_window":
            state.store.window = None if value is None else float(value)
        elif name == "network":
            state.tools.network = state.oauth.network = bool(value)
        elif name == "latest_version":
            state.tools.latest = str(value)
        elif name == "oauth_seconds":
            state.oauth.exchange_seconds = float(value)
        elif name == "record_handed_out":
            state.queue.handed_out_log = [] if value else None
        else:
            raise ValueError(f"no setting {name}")

    def subscribe(self, request: Request) -> Response:
        value = _members(request)
        for _ in range(int(value.get("count", 1))):
            reading = bool(value.get("reading", True))
            capacity = SUBSCRIBER_BUFFER + int(value.get("absorbs", 0))
            competitor = Drain("usage") if reading else Subscriber("usage", capacity)
            self._competitors.append(competitor)
            self.upstream.state.queue.subscribe(competitor, b'{"support_refresh":true}')
        return ok()

    def unsubscribe(self, _request: Request) -> Response:
        for competitor in self._competitors:
            self.upstream.state.queue.unsubscribe(competitor)
        self._competitors.clear()
        return ok()

    def oauth(self, request: Request) -> Response:
        value = _members(request)
        oauth = self.upstream.state.oauth
        oauth.finish(oauth.sessions[value["state"]], str(value.get("outcome", "ok")))
        return ok()

    def api_call(self, request: Request) -> Response:
        value = _members(request)
        canned = Canned(
            str(value["url"]),
            str(value.get("body", "")),
            int(value.get("status", 200)),
            value.get("header", {}),
        )
        self.upstream.state.tools.canned.insert(0, canned)
        return ok()

    def results(self, request: Request) -> Response:
        value = _members(request)
        status, body = int(value["status"]), str(value.get("body", ""))
        self.upstream.state.results.note(value["auth_index"], value["model"], status, body)
        return ok()

    def restart(self, _request: Request) -> Response:
        self.upstream.state.restart()
        return ok()

    def reset(self, _request: Request) -> Response:
        self._competitors.clear()
        self.upstream.reset()
        return ok()


def _members(request: Request) -> dict[str, Any]:
    value = read_json(request.body or b"{}")
    if not isinstance(value, dict):
        raise BadBody("not an object")
    return value


def _payload(line: bytes) -> bytes:
    try:
        json.loads(line)
    except ValueError:
        return Loose(line)
    return line
