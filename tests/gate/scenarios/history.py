"""Concurrent history: how quick, how much CPU and memory, and whether each caller gets what is
theirs.

Each round measures ours and the reference (tests/gate/stack/todays_way.py) turn about, so that both
see the same machine; figures are ratios of a round's own values.
"""

import json
import random
from datetime import UTC, date, datetime, timedelta
from statistics import median

import psutil

from tests.bench.arena import percentile
from tests.gate.load import Caller, Gate, paced, together
from tests.gate.scenarios.rounds import repeated
from tests.gate.scenarios.watch import memory_mib
from tests.gate.stack.processes import Managed

ROUNDS, PER_ROUND, REFERENCE_PER_ROUND = 6, 20, 5
CACHED_PER_ROUND = 6
RANGES = (1, 7, 30, 90)
FILTERS = ("", "&outcome=failed", "&group_by=model", "&group_by=key,model&top=50")
CLIENTS = 8
_OWN = """
SELECT count(*) FROM usage_event AS e JOIN providers_clientkey AS k ON k.id = e.client_key_id
WHERE k.owner_id = %s AND e."timestamp" >= %s AND e."timestamp" < %s
"""


def run(gate: Gate, seconds: float = 15.0, rounds: int = ROUNDS) -> None:
    """First one caller turn about with the reference, then many at once with every role."""
    _whose(gate)
    for days in (7, 30):
        _rounds(gate, days, rounds)
    _cached(gate, rounds)
    _many(gate, seconds)


def _query(days: int, back: int = 0) -> str:
    last = datetime.now(UTC).date() - timedelta(days=back)
    return f"from={last - timedelta(days=days - 1)}&to={last}"


def _whose(gate: Gate) -> None:
    """Two users request the same days in turn, as fast as a cache serves: each must get the sums of
    their own keys alone."""
    last = datetime.now(UTC).date()
    first = last - timedelta(days=6)
    end = last + timedelta(days=1)
    own = [gate.stack.database.number(_OWN, [u["id"], first, end]) for u in gate.stack.users]
    assert own[0] != own[1], "the users must differ, or nothing is shown"
    wrong = 0
    for turn in range(20):
        for number, expected in enumerate(own):
            wrong += _total(gate.user(number, turn % 2), first, last) != expected
    gate.record.figure("history.of_others", wrong)


def _total(caller: Caller, first: date, last: date) -> int:
    reply = caller.send("history", f"/api/usage/history?from={first}&to={last}")
    return int(json.loads(reply.body)["data"]["totals"]["totalRequests"])


def _rounds(gate: Gate, days: int, rounds: int) -> None:
    ours = gate.staff(fresh=True)
    theirs = gate.caller(gate.stack.reference_url, "")

    def measure() -> dict[str, float]:
        before = _cpu_seconds(gate)
        ratio, p95 = _round(ours, theirs, days)
        spent = [late - soon for soon, late in zip(before, _cpu_seconds(gate), strict=True)]
        cpu = spent[0] / PER_ROUND / max(spent[1] / REFERENCE_PER_ROUND, 1e-3)
        return {
            f"history.p95_{days}d_of_reference": ratio,
            f"history.cpu_{days}d_of_reference": cpu,
            f"history.p95_{days}d_ms": p95 * 1000,
        }

    repeated(gate.record, rounds, measure)


def _round(ours: Caller, theirs: Caller, days: int) -> tuple[float, float]:
    mine: list[float] = []
    reference: list[float] = []
    for turn in range(REFERENCE_PER_ROUND):
        for number in range(PER_ROUND // REFERENCE_PER_ROUND):
            query = _query(days, (turn + number) % 3)
            mine.append(ours.send(f"history {days}d", f"/api/usage/history?{query}").seconds)
        reference.append(theirs.send("reference", f"/{days}").seconds)
    return percentile(mine, 95) / percentile(reference, 95), percentile(mine, 95)


def _cpu_seconds(gate: Gate) -> tuple[float, float]:
    """Of the web instances, and of the reference."""
    assert gate.stack.reference
    return sum(map(_spent, gate.stack.sites)), _spent(gate.stack.reference)


def _spent(managed: Managed) -> float:
    def seconds(process: psutil.Process) -> float:
        return float(sum(process.cpu_times()[:2]))

    return sum(seconds(process) for process in managed.tree())


def _cached(gate: Gate, rounds: int) -> None:
    """The same query from the cache and past it, in turn."""
    cached, past, query = gate.staff(), gate.staff(fresh=True), _query(30)

    def measure() -> dict[str, float]:
        pairs = [
            (_took(past, "past the cache", query), _took(cached, "cached", query))
            for _ in range(CACHED_PER_ROUND)
        ]
        ratio = median(ours for _, ours in pairs) / median(other for other, _ in pairs)
        return {"history.cached_of_uncached": ratio}

    repeated(gate.record, rounds, measure)


def _took(caller: Caller, kind: str, query: str) -> float:
    return caller.send(f"history {kind}", f"/api/usage/history?{query}").seconds


def _many(gate: Gate, seconds: float) -> None:
    """Staff and users on both instances, and how the memory of the workers grows by it once they
    are warm."""
    _mix(gate, seconds / 3)
    before, calls = memory_mib(gate.stack.sites), len(gate.record.calls)
    _mix(gate, 2 * seconds / 3)
    made = max(len(gate.record.calls) - calls, 1)
    grown = memory_mib(gate.stack.sites) - before
    gate.record.figure("history.calls_per_second", made / (2 * seconds / 3))
    gate.record.figure("history.memory_mib_per_1000_calls", 1000 * grown / made)


def _mix(gate: Gate, seconds: float) -> None:
    def client(number: int) -> None:
        chance, site = random.Random(number), number % 2
        caller = gate.staff(site, fresh=number % 4 == 1) if number % 2 else gate.user(number % 2)
        for _ in paced(seconds):
            query = _query(chance.choice(RANGES), chance.randrange(3))
            more = chance.choice(FILTERS)
            path = "breakdown" if "group_by" in more else "history"
            caller.send("history mixed", f"/api/usage/{path}?{query}{more}")

    together(CLIENTS, client)
