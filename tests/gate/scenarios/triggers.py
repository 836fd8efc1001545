"""Parallel collector triggers from many sources: is there ever a second run?

Half of the triggers find the loops stopped, so that they compete with each other alone; then the
loops run as well. The upstream is slow, so that pops take long enough to meet.
"""

import json
import time
from itertools import pairwise
from typing import Any

from tests.gate.load import Gate, together
from tests.gate.scenarios import exactness
from tests.gate.stack.stack import COLLECTOR_KEY

SOURCES = 16
# The plan's own wording, two at once, is the least of it.
TRIGGERS = 1000
_OVERLAPS = """
SELECT count(*) FROM usage_collectorrun AS a JOIN usage_collectorrun AS b
  ON a.upstream_id = b.upstream_id AND a.id < b.id
 AND a.started_at < b.ended_at AND b.started_at < a.ended_at
"""


def run(gate: Gate, triggers: int = TRIGGERS, most_seconds: float = 120.0) -> None:
    """Send the triggers, as many of them as that time allows; what counts is who ran, by the runs
    and by the upstream's own log."""
    upstream = gate.stack.upstream
    ends = time.monotonic() + most_seconds
    upstream.control("pops", method="DELETE")
    upstream.control("settings", {"latency": 0.03, "rate": 40})
    for collector in gate.stack.collectors:
        collector.stop()
    outcomes = _trigger(gate, triggers // 2, ends - most_seconds / 2)
    for collector in gate.stack.collectors:
        collector.start()
    outcomes += _trigger(gate, triggers - triggers // 2, ends)
    upstream.control("settings", {"latency": 0, "rate": 0})
    exactness.check(gate, "triggers")
    _judge(gate, outcomes)


def _trigger(gate: Gate, triggers: int, ends: float) -> list[tuple[int, dict[str, Any]]]:
    outcomes: list[tuple[int, dict[str, Any]]] = []

    def source(number: int) -> None:
        url = gate.stack.urls[number % len(gate.stack.urls)]
        caller = gate.caller(url, COLLECTOR_KEY)
        for _ in range(triggers // SOURCES + (number < triggers % SOURCES)):
            if time.monotonic() > ends:
                return
            reply = caller.send("collect", "/api/usage/collect", "POST")
            body = json.loads(reply.body) if reply.status in (200, 202) else {}
            outcomes.append((reply.status, body))

    together(SOURCES, source)
    return outcomes


def _judge(gate: Gate, outcomes: list[tuple[int, dict[str, Any]]]) -> None:
    record = gate.record
    record.figure("triggers.sent", len(outcomes))
    record.figure("triggers.ran", sum(status == 200 for status, _ in outcomes))
    unnamed = sum(status == 202 and not body.get("runId") for status, body in outcomes)
    record.figure("triggers.refused_without_run", unnamed)
    others = sum(status not in (200, 202) for status, _ in outcomes)
    record.figure("triggers.other_outcomes", others)
    record.figure("triggers.run_overlaps", gate.stack.database.number(_OVERLAPS))
    record.figure("triggers.pop_overlaps", _pop_overlaps(gate.stack.upstream.control("pops")))


def _pop_overlaps(pops: list[dict[str, Any]]) -> int:
    """Pops that arrived before the one before had its events, by another connection."""
    ordered = sorted(pops, key=lambda pop: float(pop["arrived"]))
    return sum(
        after["arrived"] < before["taken"] and after["connection"] != before["connection"]
        for before, after in pairwise(ordered)
    )
