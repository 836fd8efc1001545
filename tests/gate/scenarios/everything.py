"""Everything at once, for as long as it takes: does anything grow, slow down or fail?

The load is gentle enough to be carried by two cores together with the rest of the machine's work;
what counts is what changes over time.
"""

import random
from collections.abc import Callable

import psutil

from tests.bench.arena import percentile
from tests.gate.load import Caller, Gate, paced, together
from tests.gate.scenarios import exactness
from tests.gate.scenarios.history import FILTERS, RANGES, _query
from tests.gate.scenarios.watch import slope_per_hour
from tests.gate.stack.stack import COLLECTOR_KEY

EVENTS_PER_SECOND = 20
PAGES = ("/api/usage/collection-status", "/api/usage/summary", "/api/providers/oauth")


def run(gate: Gate, seconds: float = 40.0) -> None:
    """Load from all sides; slopes leave out the first quarter, in which processes warm up."""
    record, began = gate.record, gate.record.now
    gate.stack.upstream.control("settings", {"bulk_rate": EVENTS_PER_SECOND})
    work: tuple[Callable[[Gate, float], None], ...] = (
        _history_of_staff,
        _history_of_users,
        _poll,
        _proxy,
        _trigger,
    )
    together(len(work), lambda number: work[number](gate, seconds))
    warm = began + seconds / 4
    _judge_memory(gate, warm)
    calls = [c for c in record.calls if c.at >= began]
    third = seconds / 3
    first = [c.seconds for c in calls if c.at < began + third and c.kind == "all: history"]
    last = [c.seconds for c in calls if c.at > began + 2 * third and c.kind == "all: history"]
    record.figure("everything.slower_at_the_end", percentile(last, 50) / percentile(first, 50))
    record.figure("everything.p95_history_ms", 1000 * percentile([*first, *last], 95))
    record.figure("everything.cpu_percent", _cpu_percent(gate, warm))
    exactness.check(gate, "everything")


def _judge_memory(gate: Gate, since: float) -> None:
    """The largest part of each kind, and the steepest slope."""
    for kind, parts in (("web", gate.stack.sites), ("collector", gate.stack.collectors)):
        series = [gate.record.samples.get(f"memory {part.name}", []) for part in parts]
        late = [[sample for sample in one if sample[0] >= since] for one in series]
        gate.record.figure(f"everything.{kind}_mib", max(v for one in late for _, v in one))
        gate.record.figure(f"everything.{kind}_mib_per_hour", max(map(slope_per_hour, late)))


def _cpu_percent(gate: Gate, since: float) -> float:
    """Of all cores, by web and collectors together."""
    series = [s for name, s in gate.record.samples.items() if name.startswith("CPU ")]
    means = [[value for at, value in s if at >= since] for s in series]
    busy = sum(sum(values) / len(values) for values in means if values)
    return busy / (psutil.cpu_count() or 1)


def _history_of_staff(gate: Gate, seconds: float) -> None:
    _history(gate.staff(0, fresh=True), seconds)


def _history_of_users(gate: Gate, seconds: float) -> None:
    _history(gate.user(0, 1), seconds)


def _history(caller: Caller, seconds: float) -> None:
    chance = random.Random(caller.url)
    for _ in paced(seconds, 0.25):
        more = chance.choice(FILTERS)
        path = "breakdown" if "group_by" in more else "history"
        query = _query(chance.choice(RANGES), chance.randrange(3))
        caller.send(f"all: {path}", f"/api/usage/{path}?{query}{more}")


def _poll(gate: Gate, seconds: float) -> None:
    callers = [gate.staff(0), gate.staff(1), gate.user(0), gate.user(1, 1)]
    for number in paced(seconds, 0.2):
        caller = callers[number % len(callers)]
        caller.send("all: polling", PAGES[number % len(PAGES)])


def _proxy(gate: Gate, seconds: float) -> None:
    callers = [gate.staff(0), gate.staff(1)]
    for number in paced(seconds, 0.1):
        callers[number % 2].send("all: proxy", "/api/management/@default/debug")


def _trigger(gate: Gate, seconds: float) -> None:
    callers = [Caller(gate.record, url, COLLECTOR_KEY) for url in gate.stack.urls]
    for number in paced(seconds, 1.0):
        callers[number % 2].send("all: collect", "/api/usage/collect", "POST")
