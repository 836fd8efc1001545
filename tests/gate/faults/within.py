"""What may fail of Tollgate itself: a worker, the holder of a lease, the disk of a spool."""

import sys
import threading
import time

from tests.gate.load import Gate, eventually, seconds_until
from tests.gate.scenarios import exactness
from tests.gate.stack.processes import Managed
from tests.gate.stack.stack import LEASE_TTL_SECONDS, WORKERS

CALLERS = 6
_HOLDER = "SELECT holder FROM monitoring_lease WHERE name LIKE 'collect:%' AND holder <> ''"
_RUNNING = (
    "SELECT count(*) FROM usage_collectorrun WHERE status = 'running' AND trigger = 'command'"
)
_LATE_STATES = """
SELECT count(*) FROM usage_collectorrun AS a JOIN usage_collectorrun AS b
  ON a.upstream_id = b.upstream_id AND a.token < b.token AND a.ended_at > b.started_at
"""


def kill_worker(gate: Gate) -> None:
    """One of the workers of the first instance dies under load: only calls that it was working on
    may fail."""
    site, over = gate.stack.sites[0], threading.Event()

    def call() -> None:
        caller = gate.staff()
        while not over.wait(0.02):
            caller.send("killed worker: history", "/api/usage/summary")

    gate.stack.upstream.control("settings", {"bulk_rate": 100})
    threads = [threading.Thread(target=call, daemon=True) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    gate.record.incident("a web worker is killed")
    victim = site.tree()[1]
    victim.kill()

    def is_replaced() -> bool:
        workers = site.tree()[1:]
        return victim not in workers and len(workers) == WORKERS

    back = seconds_until(is_replaced, 25)
    time.sleep(2)
    over.set()
    for thread in threads:
        thread.join(30)
    failed = sum(
        call.kind.startswith("killed worker") and call.status != 200 for call in gate.record.calls
    )
    gate.record.figure("killed_worker.failed_calls", failed)
    gate.record.figure("killed_worker.replaced_s", back)
    exactness.check(gate, "killed_worker")


def _collector_that_holds(gate: Gate) -> Managed:
    holder: list[Managed] = []

    def find() -> bool:
        for (text,) in gate.stack.database.query(_HOLDER):
            pid = int(text.split(":")[1])
            holder.extend(c for c in gate.stack.collectors if c.is_alive and c.pid == pid)
        return bool(holder)

    eventually(find, 30)
    return holder[0]


def kill_holder(gate: Gate) -> None:
    """The collector that holds the lease dies under load: the other takes over within its TTL."""
    gate.stack.upstream.control("settings", {"bulk_rate": 200})
    time.sleep(3)
    victim = _collector_that_holds(gate)
    gate.record.incident(f"{victim.name}, which holds the lease, is killed")
    victim.kill()
    before = exactness.stored(gate)
    taken = seconds_until(lambda: exactness.stored(gate) > before, 25)
    gate.record.figure("killed_holder.taken_over_s", taken)
    victim.start()
    exactness.check(gate, "killed_holder")


def freeze_holder(gate: Gate) -> None:
    """A run is frozen in its pop for longer than its lease: once it wakes up, another has run, and
    it may write no state any more."""
    upstream, record = gate.stack.upstream, gate.record
    before = gate.stack.database.number(_LATE_STATES)
    for collector in gate.stack.collectors:
        collector.stop()
    upstream.control("generate", {"events": 50, "spread": 0})
    upstream.control("settings", {"latency": 2.0})
    frozen = gate.stack.collector(0)
    frozen.command = [sys.executable, "manage.py", "collect_usage"]
    frozen.start()
    eventually(lambda: gate.stack.database.number(_RUNNING) > 0, 60)
    for process in frozen.tree():
        process.suspend()
    record.incident("a run is frozen for longer than its lease")
    upstream.control("settings", {"latency": 0})
    time.sleep(LEASE_TTL_SECONDS + 1)
    upstream.control("generate", {"events": 50, "spread": 0})
    for collector in gate.stack.collectors:
        collector.start()
    eventually(lambda: upstream.state()["queued"] == 0, 60)
    _collector_that_holds(gate)
    for process in frozen.tree():
        process.resume()
    eventually(lambda: not frozen.is_alive, 60)
    late = gate.stack.database.number(_LATE_STATES) - before
    record.figure("frozen_holder.late_states", late)
    exactness.check(gate, "frozen_holder")


def fill_disk(gate: Gate) -> None:
    """A collector whose spool has no room: it must take nothing that it cannot keep, and say so."""
    upstream = gate.stack.upstream
    for collector in gate.stack.collectors:
        collector.stop()
    full = gate.stack.collector(0, largest_file=256 * 1024)
    delivered = upstream.delivered()
    gate.record.incident("the spool has no room")
    full.start()
    upstream.control("generate", {"events": 500, "spread": 0})
    caller = gate.staff()

    def is_reported() -> bool:
        reply = caller.send("collection status", "/api/usage/collection-status")
        return b'"lastStatus": "error"' in reply.body

    try:
        gate.record.figure("full_disk.reported_s", seconds_until(is_reported, 35))
    finally:
        gate.record.figure("full_disk.taken", upstream.delivered() - delivered)
        full.stop()
    for collector in gate.stack.collectors:
        collector.start()
    exactness.check(gate, "full_disk")
