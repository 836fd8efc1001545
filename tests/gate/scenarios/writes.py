"""Client keys added at the same moment through two instances, to an upstream that loses quick
writes."""

import json
import secrets
from collections import Counter

from tests.gate.load import Gate, eventually, together

AT_ONCE, EACH = 8, 3
SETTLE_SECONDS = 30.0
_UNSETTLED = (
    "SELECT count(*) FROM providers_intent WHERE state IN ('requested', 'applied', 'unknown')"
)


def run(gate: Gate) -> None:
    """Add them all, and see which are there, how often, and what Tollgate says of each."""
    keys = [f"sk-gate-{secrets.token_hex(12)}" for _ in range(AT_ONCE * EACH)]
    accepted: list[str] = []

    def add(number: int) -> None:
        caller = gate.staff(number % 2)
        for key in keys[number::AT_ONCE]:
            value = {"name": key[-12:], "key": key, "owner": None}
            if caller.send("add a key", "/api/client-keys", "POST", value).status in (201, 202):
                accepted.append(key)

    together(AT_ONCE, add)
    eventually(lambda: unsettled(gate) == 0, SETTLE_SECONDS)
    listed = Counter(gate.stack.upstream.client_keys())
    shown = _shown(gate)
    gate.record.figure("writes.refused", len(keys) - len(accepted))
    gate.record.figure("writes.lost", sum(listed[key] == 0 for key in accepted))
    gate.record.figure("writes.doubled", sum(listed[key] > 1 for key in keys))
    misreported = sum((key[-12:] in shown) != (listed[key] > 0) for key in keys)
    gate.record.figure("writes.misreported", misreported)


def unsettled(gate: Gate) -> int:
    """Changes whose outcome is still open."""
    return gate.stack.database.number(_UNSETTLED)


def _shown(gate: Gate) -> set[str]:
    """The names of the keys that Tollgate shows as present upstream."""
    reply = gate.staff().send("list keys", "/api/client-keys")
    return {row["name"] for row in json.loads(reply.body)["data"]["keys"] if row["listed"]}
