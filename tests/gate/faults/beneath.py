"""What may fail beneath Tollgate: the database, the upstream, its patience with us."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.gate.load import Gate, paced, seconds_until
from tests.gate.scenarios import exactness

RATE = 100
BACK_SECONDS = 40.0
PROBES = 20
BANNED_SECONDS = 6.0
BAN = {
    "kind": "status",
    "status": 403,
    "path": "/v0/management/*",
    "count": None,
    "body": '{"error":"IP banned due to too many failed attempts. Try again in 3s"}',
}


@contextmanager
def _load(gate: Gate, kind: str) -> Iterator[None]:
    """Events, and callers of history and of the proxy, until the block ends."""
    over = threading.Event()
    gate.stack.upstream.control("settings", {"bulk_rate": RATE})

    def call(site: int) -> None:
        caller = gate.staff(site)
        while not over.wait(0.1):
            caller.send(f"{kind}: history", "/api/usage/summary")
            caller.send(f"{kind}: proxy", "/api/management/@default/debug")

    threads = [threading.Thread(target=call, args=(site,), daemon=True) for site in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(60)


def _time_until_stored(gate: Gate) -> float:
    """Seconds until one event more is stored than now."""
    before = exactness.stored(gate)
    return seconds_until(lambda: exactness.stored(gate) > before, BACK_SECONDS)


def restart_database(gate: Gate) -> None:
    """Stop the database for two seconds."""
    with _load(gate, "database restart"):
        time.sleep(2)
        gate.record.incident("the database is stopped for 2 s")
        gate.stack.database.restart(2.0)
        began, before = time.monotonic(), exactness.stored(gate)
        again = seconds_until(_responding(gate), 15)
        gate.record.figure("database_restart.responds_again_s", again)
        seconds_until(lambda: exactness.stored(gate) > before, BACK_SECONDS - again)
        gate.record.figure("database_restart.stores_again_s", time.monotonic() - began)
    exactness.check(gate, "database_restart")


def _responding(gate: Gate) -> Callable[[], bool]:
    """Whether a web instance responds, and so with whichever of its threads is next."""
    send = gate.staff().send

    def is_responding() -> bool:
        calls = (send("database restart: probe", "/api/usage/summary") for _ in range(PROBES))
        return all(reply.status == 200 for reply in calls)

    return is_responding


def restart_upstream(gate: Gate) -> None:
    """Kill the upstream with what is queued; what it lost by that is known, and is all that is
    missing."""
    upstream = gate.stack.upstream
    with _load(gate, "upstream restart"):
        time.sleep(2)
        upstream.faults({"kind": "status", "path": "*/usage-queue", "count": None})
        time.sleep(1)
        lost = upstream.state()["queued"]
        gate.record.incident(f"the upstream is killed with {lost} events queued")
        upstream.crash(2.0)
        upstream.control("settings", {"bulk_rate": RATE})
        gate.record.figure("upstream_restart.stores_again_s", _time_until_stored(gate))
    exactness.check(gate, "upstream_restart")


def ban(gate: Gate) -> None:
    """The upstream bans our address: how many requests it still gets from us until that is over."""
    upstream = gate.stack.upstream
    with _load(gate, "ban"):
        time.sleep(1)
        upstream.faults(BAN)
        gate.record.incident("the upstream bans our address")
        time.sleep(1)
        before = upstream.attempts("management/")
        for _ in paced(BANNED_SECONDS - 1, 0.5):
            pass
        gate.record.figure("ban.requests_while_banned", upstream.attempts("management/") - before)
        upstream.faults()
        gate.record.figure("ban.stores_again_s", _time_until_stored(gate))
    exactness.check(gate, "ban")
