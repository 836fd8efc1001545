"""What the queue delivered, as far as it was recorded: the elements themselves and their sums; and
who popped when."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict

from management_proxy.simulator.http.routing import Routes
from management_proxy.simulator.http.wire import Request, Response, ok, respond
from management_proxy.simulator.upstream import Upstream


class HandedOutRoutes:
    """Routes over the recorded elements of one simulated upstream."""

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream

    def routes(self) -> Routes:
        return {
            ("GET", "handed-out"): self.read,
            ("DELETE", "handed-out"): self.forget,
            ("GET", "sums"): self.sums,
            ("GET", "pops"): self.pops,
            ("DELETE", "pops"): self.forget_pops,
        }

    def read(self, _request: Request) -> Response:
        return respond([payload.decode("utf-8", "replace") for payload in self._payloads()])

    def forget(self, _request: Request) -> Response:
        self.upstream.state.queue.handed_out_log = []
        return ok()

    def pops(self, _request: Request) -> Response:
        return respond([asdict(pop) for pop in list(self.upstream.pops)])

    def forget_pops(self, _request: Request) -> Response:
        self.upstream.pops.clear()
        return ok()

    def sums(self, _request: Request) -> Response:
        payloads = self._payloads()
        digest = hashlib.sha256()
        sums: Counter[str] = Counter()
        for payload in payloads:
            digest.update(payload + b"\n")
            sums.update(_counts(payload))
        shown = dict(sorted(sums.items()))
        return respond({"count": len(payloads), "sha256": digest.hexdigest(), "sums": shown})

    def _payloads(self) -> list[bytes]:
        return list(self.upstream.state.queue.handed_out_log or [])


def _counts(payload: bytes) -> dict[str, int]:
    """Return what one element adds to the sums; an element that is no event adds nothing."""
    try:
        event = json.loads(payload)
        tokens = {
            name: int(value) for name, value in event["tokens"].items() if name.endswith("_tokens")
        }
        return {
            "events": 1,
            "failed": int(event["failed"]),
            "latency_ms": int(event["latency_ms"]),
            **tokens,
        }
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return {}
