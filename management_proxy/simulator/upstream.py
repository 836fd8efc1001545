"""What one simulated server is and does by itself: its state, its faults, the events it makes."""

import json
from collections.abc import Iterable
from datetime import datetime

from management_proxy.simulator.clock import NANOSECONDS
from management_proxy.simulator.http.faults import Faults
from management_proxy.simulator.http.tally import Tally
from management_proxy.simulator.options import Options
from management_proxy.simulator.profiles import EVENT_KEYS_SINCE
from management_proxy.simulator.state import State
from management_proxy.simulator.traffic.bulk import MOST_TEMPLATES, Batch, Bulk, generate
from management_proxy.simulator.traffic.generator import Event, Traffic
from management_proxy.simulator.traffic.legacy import LegacyUsage
from management_proxy.simulator.traffic.pop_log import new_pop_log

# How many events of the past are logged: those of the last two days of a demonstration.
PAST_LOGGED = 1000


class Upstream:
    """One simulated server without its port; `generate` and `record` make usage events."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.faults = Faults(self.options.seed, self.options.sleep)
        self._start()

    def _start(self) -> None:
        self.state = State(self.options)
        self.legacy = LegacyUsage()
        self.tally = Tally()
        self.pops = new_pop_log()
        self.rate, self.bulk_rate, self.latency = self.options.rate, 0.0, 0.0
        self._bulk: Bulk | None = None
        if self.options.record_handed_out:
            self.state.queue.handed_out_log = []

    def reset(self) -> None:
        """Start all over, as if the server had just been made."""
        self.state.queue.disable_management()
        self.faults.clear()
        self._start()

    def record(self, events: Iterable[Event]) -> None:
        """Let attempts have happened."""
        events = list(events)
        self.state.record(events)
        if not self.state.profile.since((6, 10, 0)):
            self.legacy.note(events)

    def queue_history(self, days: int, per_day: int) -> int:
        """Stock the queue with the past days' events, oldest first; they stay until popped. The
        newest are logged. Return how many they are."""
        state = self.state
        ends = list(state.traffic.starts(int(self.options.clock()), days, per_day))
        traffic = state.refresh_traffic(of_the_past=True)
        batch = self._new_bulk(traffic, len(ends)).past(ends, state.rested_since)
        self._count(batch)
        # The events of older versions say too little of the request.
        if state.profile.since(EVENT_KEYS_SINCE["client_ip"]):
            for event in map(json.loads, batch.payloads[-PAST_LOGGED:]):
                state.write_logs(event, datetime.fromisoformat(event["timestamp"]).timestamp())
        return state.queue.stock(batch.payloads)

    def generate(self, events: int, spread: float = 60.0, seed: int | None = None) -> None:
        """Queue exactly so many events at once, and count them as their credentials' results."""
        state = self.state
        chosen = state.shuffle_seed() if seed is None else seed
        batch = generate(
            state.refresh_traffic(), state.profile, events, self.options.clock(), spread, chosen
        )
        self._queue(batch)

    def make_bulk(self, events: int) -> None:
        """Queue so many events that ended just now, at little cost."""
        if self._bulk is None:
            self._bulk = self._new_bulk(self.state.refresh_traffic(), MOST_TEMPLATES)
        self._queue(self._bulk.take(events, int(self.options.clock() * NANOSECONDS), 1000))

    def _new_bulk(self, traffic: Traffic, requests: int) -> Bulk:
        return Bulk(
            traffic,
            self.state.profile,
            requests,
            self.options.clock(),
            self.state.shuffle_seed(),
        )

    def _queue(self, batch: Batch) -> None:
        self.state.queue.push(batch.payloads)
        self._count(batch)

    def _count(self, batch: Batch) -> None:
        for (index, failed, at), count in batch.outcomes.items():
            self.state.results.count(index, 0 if failed else count, count if failed else 0, at)
