"""Client keys added at the same moment through two instances, to an upstream that loses quick
writes: one that arrives while the reload of the one before goes on is accepted, and gone after
it (contract 6.5). Writes and reloads are slow here, so that each change meets the one before unless
Tollgate waits and reads back.
"""

import json
import secrets
import time
from collections import Counter

from tests.gate.load import Gate, seconds_until, together

AT_ONCE, BURSTS = 8, 3
SETTLE_SECONDS = 10.0
# A reload lasts up to twice what its write took.
WRITE_SECONDS, RELOAD_SECONDS = 0.25, 0.5
SLOW = tuple(
    {"kind": "latency", "path": "*/api-keys", "method": m, "seconds": WRITE_SECONDS, "count": None}
    for m in ("PATCH", "PUT")
)
_UNSETTLED = (
    "SELECT count(*) FROM providers_intent WHERE state IN ('requested', 'applied', 'unknown')"
)


def run(gate: Gate) -> None:
    """Add them in bursts, and see which are there, how often, and what Tollgate says of each."""
    keys = [f"sk-gate-{secrets.token_hex(12)}" for _ in range(AT_ONCE * BURSTS)]
    accepted: list[str] = []
    lost: set[str] = set()
    upstream = gate.stack.upstream
    upstream.faults(*SLOW)
    upstream.control("settings", {"reload_window": RELOAD_SECONDS})
    for burst in range(BURSTS):
        accepted += _add(gate, keys[burst::BURSTS])
        time.sleep(RELOAD_SECONDS)  # what is lost, is lost when the reload ends
        lost |= set(accepted) - set(upstream.client_keys())
    upstream.faults()
    upstream.control("settings", {"reload_window": None})
    listed, shown = Counter(upstream.client_keys()), _shown(gate)
    gate.record.figure("writes.refused", len(keys) - len(accepted))
    gate.record.figure("writes.lost", len(lost))
    gate.record.figure("writes.doubled", sum(listed[key] > 1 for key in keys))
    misreported = sum((key[-12:] in shown) != (listed[key] > 0) for key in keys)
    gate.record.figure("writes.misreported", misreported)


def _add(gate: Gate, keys: list[str]) -> list[str]:
    """Add them at the same moment; those that were accepted, once each has its outcome."""
    accepted: list[str] = []

    def add(number: int) -> None:
        key = keys[number]
        value = {"name": key[-12:], "key": key, "owner": None}
        reply = gate.staff(number % 2).send("add a key", "/api/client-keys", "POST", value)
        if reply.status in (201, 202):
            accepted.append(key)

    together(len(keys), add)
    seconds_until(lambda: unsettled(gate) == 0, SETTLE_SECONDS)
    return accepted


def unsettled(gate: Gate) -> int:
    """Changes whose outcome is still open."""
    return gate.stack.database.number(_UNSETTLED)


def _shown(gate: Gate) -> set[str]:
    """The names of the keys that Tollgate shows as present upstream."""
    reply = gate.staff().send("list keys", "/api/client-keys")
    return {row["name"] for row in json.loads(reply.body)["data"]["keys"] if row["listed"]}
