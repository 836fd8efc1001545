"""`GET /usage`, the aggregate of versions before 6.10.0: cumulative, in memory, never emptied
(contract 3)."""

import threading
from collections import Counter
from typing import Any

from management_proxy.simulator.http.wire import Request, Response, respond
from management_proxy.simulator.traffic.generator import Event

TOKEN_KEYS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "total_tokens")


def _totals() -> dict[str, Any]:
    return {"total_requests": 0, "total_tokens": 0}


class LegacyUsage:
    """Sums over every event since the start, with each event's detail."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._apis: dict[str, dict[str, Any]] = {}
        self._sums: Counter[str] = Counter()
        self._buckets: dict[str, Counter[str]] = {
            name: Counter()
            for name in ("requests_by_day", "requests_by_hour", "tokens_by_day", "tokens_by_hour")
        }

    def note(self, events: list[Event]) -> None:
        with self._lock:
            for event in events:
                self._note(event)

    def _note(self, event: Event) -> None:
        total = event["tokens"]["total_tokens"]
        api = self._apis.setdefault(
            event["api_key"] or event["endpoint"], {**_totals(), "models": {}}
        )
        model = api["models"].setdefault(event["model"], {**_totals(), "details": []})
        for sums in (api, model):
            sums["total_requests"] += 1
            sums["total_tokens"] += total
        model["details"].append(_detail(event))
        self._sums.update(
            {"all": 1, "failed" if event["failed"] else "success": 1, "tokens": total}
        )
        day, hour = event["timestamp"][:10], event["timestamp"][11:13]
        for name, key in (("day", day), ("hour", hour)):
            self._buckets[f"requests_by_{name}"][key] += 1
            self._buckets[f"tokens_by_{name}"][key] += total

    def read(self, _request: Request) -> Response:
        with self._lock:
            usage = {
                "total_requests": self._sums["all"],
                "success_count": self._sums["success"],
                "failure_count": self._sums["failed"],
                "total_tokens": self._sums["tokens"],
                "apis": self._apis,
                **{name: dict(counts) for name, counts in self._buckets.items()},
            }
            return respond({"failed_requests": self._sums["failed"], "usage": usage})


def _detail(event: Event) -> dict[str, Any]:
    kept = {
        name: event[name] for name in ("timestamp", "latency_ms", "source", "auth_index", "failed")
    }
    return {**kept, "tokens": {name: event["tokens"][name] for name in TOKEN_KEYS}}
