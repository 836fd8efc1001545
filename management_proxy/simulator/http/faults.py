"""Faults on demand: what goes wrong, where, how often (documented for callers in `control`)."""

import random
import threading
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from typing import Any

from management_proxy.simulator.clock import Sleep
from management_proxy.simulator.http.wire import JSON_TYPE, Delivery, Request, Response

# Without seconds, a hang is one that only a client's own deadline ends.
LONG = 3600.0
KINDS = frozenset(
    {
        "latency",
        "hang_before_headers",
        "hang_after_headers",
        "cut",
        "cut_body",
        "reset",
        "status",
        "drip",
        "huge",
        "garbage",
    }
)


class UnknownFault(Exception):
    """The description is no fault."""


@dataclass
class Fault:
    """One fault; `count` is how many requests it still hits (null: all), `when` is whether the
    handler runs before."""

    kind: str
    path: str = "*"
    method: str = "*"
    count: int | None = 1
    probability: float = 1.0
    when: str = ""
    seconds: float | None = None
    status: int = 503
    body: str = '{"error":"simulated fault"}'
    bytes: int = 0

    @property
    def is_before(self) -> bool:
        """Whether the handler must not run, so that nothing is popped."""
        return (
            self.when or ("before" if self.kind in ("status", "reset", "latency") else "after")
        ) == "before"

    def matches(self, request: Request) -> bool:
        return fnmatchcase(request.path, self.path) and self.method in ("*", request.method)

    def delivery(self) -> Delivery | None:
        seconds = LONG if self.seconds is None else self.seconds
        return {
            "hang_before_headers": Delivery(hang_before=seconds),
            "hang_after_headers": Delivery(hang_after=seconds),
            "cut": Delivery(cut_after=-1),
            "cut_body": Delivery(cut_after=self.bytes),
            "reset": Delivery(reset=True),
            "drip": Delivery(
                piece_bytes=max(self.bytes, 1),
                piece_pause=0.05 if self.seconds is None else self.seconds,
            ),
        }.get(self.kind)

    def alter(self, response: Response) -> Response:
        """Return the response as this fault leaves it."""
        json_type = [("Content-Type", JSON_TYPE)]
        if self.kind == "status":
            return Response(self.status, self.body.encode(), json_type)
        if self.kind == "garbage":
            return Response(200, self.body.encode(), json_type)
        if self.kind == "huge":
            return Response(200, b'["' + b"x" * max(self.bytes - 4, 0) + b'"]', json_type)
        response.delivery = self.delivery()
        return response


def read_fault(value: Any) -> Fault:
    known = {field.name for field in fields(Fault)}
    if not isinstance(value, dict) or value.get("kind") not in KINDS or not set(value) <= known:
        raise UnknownFault(f"a fault has a kind of {sorted(KINDS)} and members of {sorted(known)}")
    return Fault(**value)


class Faults:
    """The faults in force, first match first."""

    def __init__(self, seed: int, sleep: Sleep) -> None:
        self._random = random.Random(seed)
        self._sleep = sleep
        self._lock = threading.Lock()
        self.active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self.active.append(fault)

    def clear(self) -> None:
        with self._lock:
            self.active.clear()

    def take(self, request: Request) -> Fault | None:
        """Return the fault that hits a request, and count the hit."""
        with self._lock:
            for fault in self.active:
                if fault.matches(request) and self._random.random() < fault.probability:
                    self._spend(fault)
                    return fault
        return None

    def _spend(self, fault: Fault) -> None:
        if fault.count is None:
            return
        fault.count -= 1
        if fault.count <= 0:
            self.active.remove(fault)

    def delay(self, fault: Fault) -> None:
        self._sleep(0.1 if fault.seconds is None else fault.seconds)
