"""Traffic through the management proxy while the upstream hangs, fails and resets.

Rates are of requests, not of time, so that a slow machine changes nothing of them.
"""

import threading
import time

from tests.bench.arena import percentile
from tests.gate.load import Gate, paced, together
from tests.gate.record import Record

CLIENTS, HANGING = 6, 8
PROXY = "/api/management/@default"
# What a call may hang, by the policy of its route.
LIMIT_SECONDS = 10.0
FAULTS = (
    {"kind": "status", "status": 503, "path": "*/debug", "method": "GET", "probability": 0.2},
    {"kind": "reset", "path": "*/debug", "method": "GET", "probability": 0.05},
)
HANG = {"kind": "hang_before_headers", "path": "*/ws-auth", "seconds": 60, "count": None}


def run(gate: Gate, seconds: float = 12.0) -> None:
    """Quiet first, then under faults; then all is well again."""
    quiet = _read(gate, "proxy quiet", seconds / 4)
    _flaky(gate, seconds)
    loaded = _hanging(gate)
    gate.stack.upstream.faults()
    ratio = percentile(loaded, 50) / percentile(quiet, 50)
    gate.record.figure("proxy.others_while_hanging", ratio)
    _writes(gate)


def _read(gate: Gate, kind: str, seconds: float, path: str = "request-retry") -> list[float]:
    """The seconds of each call; one that fails counts as one that took as long as it may."""
    caller = gate.staff()
    replies = [caller.send(kind, f"{PROXY}/{path}") for _ in paced(seconds, 0.02)]
    return [reply.seconds if reply.status == 200 else LIMIT_SECONDS for reply in replies]


def _flaky(gate: Gate, seconds: float) -> None:
    """A fifth fails and a twentieth is reset: how many requests that makes of ours, and how many
    fail. All is well for two seconds before, so that no breaker judges by a handful of calls."""
    upstream = gate.stack.upstream

    def load(kind: str, lasts: float) -> None:
        def client(number: int) -> None:
            caller = gate.staff(number % 2)
            for _ in paced(lasts, 0.05):
                caller.send(kind, f"{PROXY}/debug")

        together(CLIENTS, client)

    load("proxy well", 2.0)
    upstream.faults(*({**fault, "count": None} for fault in FAULTS))
    before, calls = upstream.attempts("management/debug"), _count(gate.record, "proxy flaky")
    load("proxy flaky", seconds)
    upstream.faults()
    made, failed = (
        after - sooner
        for after, sooner in zip(_count(gate.record, "proxy flaky"), calls, strict=True)
    )
    attempts = upstream.attempts("management/debug") - before
    gate.record.figure("proxy.attempts_per_request", attempts / made)
    gate.record.figure("proxy.failed_share", failed / made)


def _count(record: Record, kind: str) -> tuple[int, int]:
    """Calls of a kind, and those that failed."""
    ended = [call.status for call in record.calls if call.kind == kind]
    return len(ended), sum(status != 200 for status in ended)


def _hanging(gate: Gate) -> list[float]:
    """Calls that hang, and meanwhile others; the latter's seconds."""
    gate.stack.upstream.faults(HANG)
    took: list[float] = []

    def hang(number: int) -> None:
        took.append(gate.staff(number % 2).send("proxy hanging", f"{PROXY}/ws-auth").seconds)

    hung = [threading.Thread(target=hang, args=(number,)) for number in range(HANGING)]
    for thread in hung:
        thread.start()
    time.sleep(0.5)
    others = _read(gate, "proxy beside hanging", LIMIT_SECONDS / 2)
    for thread in hung:
        thread.join()
    gate.record.figure("proxy.longest_hang_s", max(took))
    return others


def _writes(gate: Gate) -> None:
    """Management operations that must still succeed, each read back through the proxy."""
    caller, failed = gate.staff(), 0
    for value in (3, 4, 5, 4, 3):
        written = caller.send("proxy write", f"{PROXY}/request-retry", "PUT", {"value": value})
        read = caller.send("proxy read back", f"{PROXY}/request-retry")
        failed += written.status != 200 or f":{value}".encode() not in read.body.replace(b" ", b"")
    gate.record.figure("proxy.failed_operations", failed)
