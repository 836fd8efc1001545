"""How many calls of the proxy this process has in flight, so that an ill upstream never takes all
its threads.

Of the threads that serve requests (`WEB_THREADS`), one upstream gets at most half and all together
leave a quarter free, which always serve the other pages. A call that finds its upstream's half
taken waits for a short while, but only as long as calls keep ending: where nothing has moved for
`STALLED_SECONDS`, waiting would only hold a thread. The refusal of a call that is not let in says
when to come again.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_WAIT_SECONDS = 1.0
STALLED_SECONDS = 0.25


class Full(Exception):
    """Too many calls are in flight."""


@dataclass(frozen=True)
class Occupancy:
    """What the calls to one upstream hold at the moment."""

    in_flight: int
    waiting: int
    slots: int


class Bulkhead:
    """Slots of one process, by upstream."""

    def __init__(self, threads: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.slots = max(1, threads // 2)
        self.most_held = max(self.slots, threads - max(1, threads // 4))
        self._clock = clock
        self._changed = threading.Condition()
        self._in_flight: Counter[int] = Counter()
        self._waiting: Counter[int] = Counter()
        self._moved_at: dict[int, float] = {}

    def take(self, upstream: int) -> float:
        """Hold a slot until `give_back`; the seconds waited for it. Raises Full."""
        started = self._clock()
        with self._changed:
            if not self._has_room(upstream):
                self._wait(upstream)
            self._in_flight[upstream] += 1
            if self._in_flight[upstream] == self.slots:
                self._moved_at[upstream] = self._clock()
        return self._clock() - started

    def give_back(self, upstream: int) -> None:
        with self._changed:
            self._in_flight[upstream] -= 1
            self._moved_at[upstream] = self._clock()
            self._changed.notify_all()

    def occupancy(self, upstream: int) -> Occupancy:
        with self._changed:
            return Occupancy(self._in_flight[upstream], self._waiting[upstream], self.slots)

    def _has_room(self, upstream: int) -> bool:
        return self._in_flight[upstream] < self.slots and self._in_flight.total() < self.most_held

    def _wait(self, upstream: int) -> None:
        if self._in_flight.total() + self._waiting.total() >= self.most_held or self._is_stalled(
            upstream
        ):
            raise Full
        give_up_at = self._clock() + LONGEST_WAIT_SECONDS
        self._waiting[upstream] += 1
        try:
            while not self._has_room(upstream):
                if self._clock() >= give_up_at or self._is_stalled(upstream):
                    raise Full
                self._changed.wait(STALLED_SECONDS / 5)
        finally:
            self._waiting[upstream] -= 1

    def _is_stalled(self, upstream: int) -> bool:
        return self._clock() - self._moved_at.get(upstream, 0.0) >= STALLED_SECONDS
