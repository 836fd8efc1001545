"""Live traffic: requests at a rate, each finished at the moment its events are queued."""

import random
import time

from management_proxy.simulator.app import SimulatedUpstream
from management_proxy.simulator.clock import NANOSECONDS, go_timestamp
from management_proxy.simulator.traffic.generator import MILLISECOND, Event, Traffic

# The world changes only when it is edited; reading it once in a while is enough.
WORLD_SECONDS = 2.0
# A stretch this long without a step (a suspended machine) is not made up for.
LONGEST_STEP_SECONDS = 1.0


def finished(traffic: Traffic, now: int) -> list[Event]:
    """Return a request's events whose last attempt ends now, so that older instants come later in
    the queue."""
    attempts = traffic.request(now)
    if not attempts:
        return []
    last, event = attempts[-1]
    shift = last + event["latency_ms"] * MILLISECOND - now
    return [
        {**one, "timestamp": go_timestamp(at - shift, traffic.offset_minutes)}
        for at, one in attempts
    ]


class LiveTraffic:
    """Requests at the application's rate, step by step."""

    def __init__(self, app: SimulatedUpstream) -> None:
        self._app = app
        self._random = random.Random(app.options.seed ^ 0x11FE)
        self._last = time.monotonic()
        self._owed = 0.0
        self._bulk_owed = 0.0
        self._world_at = 0.0

    def step(self) -> int:
        """Make the requests and the bulk of events that are due since the last step, and return how
        many."""
        now = time.monotonic()
        elapsed, self._last = min(now - self._last, LONGEST_STEP_SECONDS), now
        self._owed += self._app.rate * elapsed * self._random.uniform(0.7, 1.3)
        due, self._owed = int(self._owed), self._owed % 1
        if due:
            self._make(due, now)
        self._bulk_owed += self._app.bulk_rate * elapsed
        bulk, self._bulk_owed = int(self._bulk_owed), self._bulk_owed % 1
        if bulk:
            self._app.make_bulk(bulk)
        return due + bulk

    def _make(self, count: int, now: float) -> None:
        state = self._app.state
        if now - self._world_at > WORLD_SECONDS:
            state.refresh_traffic()
            self._world_at = now
        instant = int(self._app.options.clock() * NANOSECONDS)
        for position in range(count):
            self._app.record(finished(state.traffic, instant + position))
