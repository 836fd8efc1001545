"""Whether everything that was offered is accounted for, after every scenario.

delivered by the upstream's queue = stored + dead letters
sums of every rollup = sums of the events, and what the API shows to staff

What an earlier scenario left missing is known, and counted against none of those after it.
"""

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.gate.load import Gate, eventually

# With nothing queued, nothing spooled and nothing new, nothing comes any more.
FINAL_SECONDS = 3.0
_STORED = """
SELECT (SELECT count(*) FROM usage_event AS e JOIN usage_usageseries AS s ON s.id = e.series_id
        JOIN management_proxy_upstream AS u ON u.id = s.upstream_id WHERE u.from_environment)
     + (SELECT count(*) FROM usage_deadletter)
"""
_EVENTS = "SELECT count(*), coalesce(sum(total_tokens), 0) FROM usage_event"
_ROLLUPS = """
SELECT table_name::text FROM information_schema.columns
WHERE column_name = 'attempts' AND table_name LIKE 'usage_usage%'
"""
_ROLLUP = "SELECT coalesce(sum(attempts), 0), coalesce(sum(total_tokens), 0) FROM "
API = "the API"


def stored(gate: Gate) -> int:
    """Events and dead letters of the upstream under load."""
    return gate.stack.database.number(_STORED)


def missing(gate: Gate) -> int:
    """Events that were delivered and are not stored, now."""
    return gate.stack.upstream.delivered() - stored(gate)


@dataclass
class _Ending:
    """Whether all that was delivered is stored, or nothing comes any more."""

    gate: Gate
    seen: int = -1
    since: float = field(default_factory=time.monotonic)

    def is_reached(self) -> bool:
        gate, now = self.gate, time.monotonic()
        if gate.stack.upstream.state()["queued"]:
            self.since = now
            return False
        still = missing(gate)
        if still != self.seen or gate.stack.spooled():
            self.seen, self.since = still, now
        return still == gate.off.missing or now - self.since > FINAL_SECONDS


def settle(gate: Gate) -> None:
    """Let the collectors take what is queued; what is not stored by then is missing."""
    gate.stack.upstream.control("settings", {"rate": 0, "bulk_rate": 0})
    try:
        eventually(_Ending(gate).is_reached, gate.patience_seconds)
    except TimeoutError:
        gate.record.incident("what was delivered is not all stored")


def check(gate: Gate, name: str) -> None:
    """Settle, and record by how much anything is off."""
    settle(gate)
    record, off = gate.record, gate.off
    still, queued = missing(gate), gate.stack.upstream.state()["queued"]
    record.figure(f"{name}.not_exact", abs(still - off.missing) + queued)
    pruned = gate.stack.upstream.pruned()
    record.figure(f"{name}.expired", pruned - off.pruned)
    sums = _sums_off(gate)
    record.figure(f"{name}.sums_off", sum(off.sums.get(key) != by for key, by in sums.items()))
    off.missing, off.pruned, off.sums = still, pruned, sums


def _sums_off(gate: Gate) -> dict[str, tuple[int, int]]:
    """By how much rollups, and the API, differ from the events: those that do."""
    database = gate.stack.database
    tables = [row[0] for row in database.query(_ROLLUPS)]
    assert tables
    sums = {table: database.query(_ROLLUP + table)[0] for table in tables}
    sums[API] = _shown(gate)
    attempts, tokens = database.query(_EVENTS)[0]
    by = {name: (int(a) - int(attempts), int(t) - int(tokens)) for name, (a, t) in sums.items()}
    return {name: difference for name, difference in by.items() if difference != (0, 0)}


def _shown(gate: Gate) -> tuple[int, int]:
    """The totals that the API shows to staff over all days; nothing if it shows an error."""
    today = datetime.now(UTC).date()
    query = f"from={today - timedelta(days=200)}&to={today + timedelta(days=1)}"
    reply = gate.staff(fresh=True).send("sums", f"/api/usage/history?{query}")
    if reply.status != 200:
        return 0, 0
    totals = json.loads(reply.body)["data"]["totals"]
    return totals["totalRequests"], totals["totalTokens"]
