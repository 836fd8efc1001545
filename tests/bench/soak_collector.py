"""A collector that is killed again and again under traffic: `make soak-collector`.

A real upstream (`CLIPROXYAPI_BINARY`, which should see nothing but loopback) or the simulated one
serves clients for half an hour, while the collector dies by SIGKILL every 20 to 60 s, usage
statistics are switched off and on, each seconds after a death, and the upstream is killed and
started again. The stack's own supervisor restarts the collector. Between the phases clients pause,
and then the events stored since must be as many as the upstream counted.

`python -m tests.bench.soak_collector --minutes 5` is a shorter one; the process fails if anything
is not as it must be.
"""

import argparse
import contextlib
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from tests.bench import soak_verdict
from tests.bench.arena import arena
from tests.bench.report import table, write_section
from tests.bench.soak_upstreams import SoakedUpstream, soaked_upstream

KILL_EVERY = (20.0, 60.0)
RETENTION_SECONDS = 60
# Longer than the upstream keeps events: what has not come by then is lost.
SETTLE_SECONDS = 90.0
OFF_SECONDS = 75.0
# Phases with the share of the time that they take; without a share, they end by themselves.
PHASES = (("on", 0.35), ("statistics off and on", 0.2), ("on", 0.15), ("restart", 0.1), ("on", 0.2))


@dataclass
class Soak:
    """The soak as it goes. `deaths` are the holders that were killed while they held the lease."""

    upstream: SoakedUpstream
    supervisor: Any
    collector: Any
    rate: float
    rng: random.Random = field(default_factory=lambda: random.Random(17))
    kills: int = 0
    deaths: list[str] = field(default_factory=list)
    phases: list[list[object]] = field(default_factory=list)
    next_kill: float = 0.0

    def kill(self) -> None:
        """Kill the collector, and note whether the lease was its."""
        self.next_kill = time.monotonic() + self.rng.uniform(*KILL_EVERY)
        process = self.collector.process
        if process is None or not process.pid or process.poll() is not None:
            return
        if psutil.Process(process.pid).create_time() > time.time() - 2:
            return
        process.kill()
        process.wait()
        # What it had sent to the database ends by itself.
        time.sleep(0.3)
        self.kills += 1
        holder = soak_verdict.lease_holder()
        if holder.split(":")[1:2] == [str(process.pid)]:
            self.deaths.append(holder)

    def go_on(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass with a kill now and then, and the collector started again."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends and not until():
            self.supervisor.step(self.collector)
            if time.monotonic() > self.next_kill:
                self.kill()
            time.sleep(0.2)
        return until()

    @contextmanager
    def traffic(self) -> Iterator[None]:
        """Clients that send about `rate` requests a second, of which one in ten is refused."""
        stop = threading.Event()

        def send() -> None:
            while not stop.wait(4 / self.rate * random.uniform(0.5, 1.5)):
                with contextlib.suppress(httpx.HTTPError):
                    self.upstream.send()

        clients = [threading.Thread(target=send, daemon=True) for _ in range(4)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            stop.set()
            for client in clients:
                client.join(40)

    def phase(self, name: str, seconds: float) -> None:
        counted, stored = self.upstream.counted(), soak_verdict.stored()
        with self.traffic():
            if name == "restart":
                self.go_on(seconds / 2)
                counted_before = self.upstream.counted()
                self.upstream.restart()
                counted = counted - counted_before
                self.go_on(seconds / 2)
            elif name == "on":
                self.go_on(seconds)
            else:
                self._without_statistics(seconds)
        time.sleep(1)
        now = self.upstream.counted()
        self.go_on(SETTLE_SECONDS, lambda: soak_verdict.stored() - stored == now - counted)
        self.phases.append([name, now - counted, soak_verdict.stored() - stored])
        print("phase, counted, stored:", *self.phases[-1], flush=True)

    def _without_statistics(self, seconds: float) -> None:
        self.go_on((seconds - OFF_SECONDS) / 2)
        for on in (False, True):
            self.kill()
            self.go_on(3)
            self.upstream.switch_statistics(on=on)
            self.go_on((seconds - OFF_SECONDS) / 2 if on else OFF_SECONDS)

    def settle(self) -> None:
        """Without traffic and kills until all that was counted is judged."""
        self.next_kill = float("inf")
        quiet_since = time.time()
        assert self.go_on(400, lambda: soak_verdict.judged_until() > quiet_since), "never judged"


@contextmanager
def supervised(environment: dict[str, str]) -> Iterator[tuple[Any, Any]]:
    """The collector's loop under the stack's supervisor."""
    from config.stack.collector import collector
    from config.stack.supervisor import Supervisor

    quiet = {**environment, "LOG_LEVEL": "warning"}
    supervisor, child = Supervisor(threading.Event()), collector(quiet)
    supervisor.start(child)
    try:
        yield supervisor, child
    finally:
        supervisor.stop_all()


def run(minutes: float, rate: float, environment: dict[str, str]) -> tuple[str, list[str]]:
    """The report, and what was not as it must be."""
    with (
        tempfile.TemporaryDirectory() as home,
        soaked_upstream(Path(home), RETENTION_SECONDS) as upstream,
    ):
        soak_verdict.serve(upstream, environment["SPOOL_DIR"])
        with supervised(environment) as (supervisor, child):
            soak = Soak(upstream, supervisor, child, rate, next_kill=float("inf"))
            assert soak.go_on(60, soak_verdict.is_sampled), "the collector never sampled"
            soak.next_kill = time.monotonic() + KILL_EVERY[0]
            for name, share in PHASES:
                soak.phase(name, share * minutes * 60)
            soak.settle()
            verdict = soak_verdict.judge(soak.phases, soak.kills, Counter(soak.deaths))
        figures = table(["what", "measured", "must be"], verdict.rows)
        about = f"{minutes:g} minutes with {rate:g} requests a second, against {upstream.name}."
        return f"{about}\n\n{figures}{verdict.details}", verdict.wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", type=float, default=8, help="requests a second")
    options = parser.parse_args()
    # The secrets with which the collector works are those of this process as well.
    os.environ.update(dict.fromkeys(("SECRET_KEY", "USAGE_HASH_KEY", "ENCRYPTION_KEYS"), "b" * 50))
    with arena() as environment:
        report, wrong = run(options.minutes, options.rate, environment)
    if options.minutes >= 30:
        write_section("Soak of the collector", "make soak-collector", report)
    else:
        print(report)
    print("\n".join(f"WRONG: {line}" for line in wrong) or "All is as it must be.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
