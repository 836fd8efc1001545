"""Everything at once, for as long as it takes: does anything grow, slow down or fail?

The load is gentle enough to be carried by two cores together with the rest of the machine's work;
what counts is what changes over time.
"""

import json
import random
from collections.abc import Callable

from tests.gate.load import Caller, Gate, paced, together
from tests.gate.scenarios import exactness, steadiness
from tests.gate.scenarios.history import FILTERS, RANGES, _query
from tests.gate.stack.stack import COLLECTOR_KEY
from tests.gate.stack.upstream import RETENTION_SECONDS

EVENTS_PER_SECOND = 20
REGIONS = ("/", "/usage/", "/monitoring/", "/monitoring/proxy/", "/providers/accounts/")
STATUS = ("/api/usage/collection-status", "/api/usage/summary", "/api/providers/oauth")


def run(
    gate: Gate,
    seconds: float = 40.0,
    name: str = "everything",
    retention: int = RETENTION_SECONDS,
) -> None:
    """Load from all sides; `retention` is the upstream's, in seconds."""
    began = gate.record.now
    settings = {"bulk_rate": EVENTS_PER_SECOND, "retention": retention}
    gate.stack.upstream.control("settings", settings)
    work: tuple[Callable[[Gate, float], None], ...] = (
        _history_of_staff,
        _history_of_users,
        _refer,
        _poll,
        _poll_pages,
        _log_in,
        _proxy,
        _trigger,
    )
    together(len(work), lambda number: work[number](gate, seconds))
    steadiness.judge(gate, name, began, seconds)
    exactness.check(gate, name)
    gate.stack.upstream.control("settings", {"retention": RETENTION_SECONDS})


def judged_as(gate: Gate, name: str) -> None:
    """Let the figures of `everything` be those of `name` as well: the self-test has no hour."""
    for figure, value in list(gate.record.figures.items()):
        scenario, _, what = figure.partition(".")
        if scenario == "everything":
            gate.record.figures[f"{name}.{what}"] = value


def _refer(gate: Gate, seconds: float) -> None:
    caller = gate.caller(gate.stack.reference_url, "")
    for _ in paced(seconds, 1.0):
        caller.send(steadiness.REFERENCE, "/7")


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
        caller.send("all: polling", STATUS[number % len(STATUS)])


def _poll_pages(gate: Gate, seconds: float) -> None:
    """The regions of pages, as two open browsers request them."""
    callers = [gate.session(0), gate.session(1)]
    for number in paced(seconds, 1.0):
        callers[number % 2].send("all: regions", REGIONS[number // 2 % len(REGIONS)])


def _log_in(gate: Gate, seconds: float) -> None:
    """OAuth logins that are begun and followed, each as its page does, and cancelled after a
    while."""
    caller, logins = gate.staff(), "/api/providers/oauth/logins"
    for _ in paced(seconds, 20.0):
        begun = caller.send("all: login", logins, "POST", {"flow": "anthropic"})
        address = f"{logins}/{json.loads(begun.body)['data']['id']}"
        for _ in paced(min(15.0, seconds / 2), 2.0):
            caller.send("all: login polled", address)
        caller.send("all: login cancelled", address, "DELETE")


def _proxy(gate: Gate, seconds: float) -> None:
    callers = [gate.staff(0), gate.staff(1)]
    for number in paced(seconds, 0.1):
        callers[number % 2].send("all: proxy", "/api/management/@default/debug")


def _trigger(gate: Gate, seconds: float) -> None:
    callers = [gate.caller(url, COLLECTOR_KEY) for url in gate.stack.urls]
    for number in paced(seconds, 1.0):
        callers[number % 2].send("all: collect", "/api/usage/collect", "POST")
