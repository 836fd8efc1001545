"""Whether everything that was offered is accounted for, after every scenario.

delivered by the upstream's queue = stored + dead letters
sums of every rollup = sums of the events, and what the API shows to staff
"""

import json
from datetime import UTC, datetime, timedelta

from tests.gate.load import Gate, eventually

SETTLE_SECONDS = 60.0
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


def stored(gate: Gate) -> int:
    """Events and dead letters of the upstream under load."""
    return gate.stack.database.number(_STORED)


def settle(gate: Gate) -> None:
    """Let the collectors take what is queued; what is not stored by then is missing."""
    gate.stack.upstream.control("settings", {"rate": 0, "bulk_rate": 0})

    def is_settled() -> bool:
        is_empty = gate.stack.upstream.state()["queued"] == 0
        return is_empty and stored(gate) == gate.stack.upstream.delivered()

    try:
        eventually(is_settled, SETTLE_SECONDS)
    except TimeoutError:
        gate.record.incident("what was delivered is not all stored")


def check(gate: Gate, name: str) -> None:
    """Settle, and record by how much anything is off."""
    settle(gate)
    state = gate.stack.upstream.state()
    gate.record.figure(
        f"{name}.not_exact", abs(stored(gate) - gate.stack.upstream.delivered()) + state["queued"]
    )
    gate.record.figure(f"{name}.expired", state["pruned"])
    gate.record.figure(f"{name}.sums_off", _sums_off(gate))


def _sums_off(gate: Gate) -> int:
    """Rollups, and the API, whose sums are not those of the events."""
    database = gate.stack.database
    events = database.query(_EVENTS)[0]
    tables = [row[0] for row in database.query(_ROLLUPS)]
    assert tables
    sums = [database.query(_ROLLUP + table)[0] for table in tables]
    return sum(row != events for row in [*sums, _shown(gate)])


def _shown(gate: Gate) -> tuple[int, int]:
    """The totals that the API shows to staff over all days."""
    today = datetime.now(UTC).date()
    query = f"from={today - timedelta(days=200)}&to={today + timedelta(days=1)}"
    reply = gate.staff(fresh=True).send("sums", f"/api/usage/history?{query}")
    totals = json.loads(reply.body)["data"]["totals"]
    return totals["totalRequests"], totals["totalTokens"]
