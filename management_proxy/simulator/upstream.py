"""What one simulated server is and does by itself: its state, its faults, the events it makes."""

from collections.abc import Iterable

from management_proxy.simulator.clock import NANOSECONDS
from management_proxy.simulator.http.faults import Faults
from management_proxy.simulator.http.tally import Tally
from management_proxy.simulator.options import Options
from management_proxy.simulator.state import State
from management_proxy.simulator.traffic.bulk import MOST_TEMPLATES, Batch, Bulk, generate
from management_proxy.simulator.traffic.generator import Event
from management_proxy.simulator.traffic.legacy import LegacyUsage
from management_proxy.simulator.traffic.pop_log import new_pop_log


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
        """Stock the queue with the past days' events, oldest first; they stay until popped. Return
        how many they are."""
        ends = list(self.state.traffic.starts(int(self.options.clock()), days, per_day))
        batch = self._new_bulk(len(ends)).past(ends)
        self._count(batch)
        return self.state.queue.stock(batch.payloads)

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
            self._bulk = self._new_bulk(MOST_TEMPLATES)
        self._queue(self._bulk.take(events, int(self.options.clock() * NANOSECONDS), 1000))

    def _new_bulk(self, requests: int) -> Bulk:
        return Bulk(
            self.state.refresh_traffic(),
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
