"""The usage queue and its subscribers (contract 2.1 to 2.3 and 4).

Items are bytes with their enqueue time. Pruning is lazy, on push and on pop. While a client
subscribes, events go to the subscribers only. A subscriber whose buffer is full when a message
comes is dropped, and that message is lost for it.

A simulator may start with a past: a stock of events that is delivered first and that no retention
touches.
"""

import threading
from collections import deque
from collections.abc import Iterable

from management_proxy.simulator.clock import Clock
from management_proxy.simulator.http.wire import go_json

DEFAULT_RETENTION_SECONDS = 60
LONGEST_RETENTION_SECONDS = 3600
SUBSCRIBER_BUFFER = 256
CHANNELS = ("usage", "errors")


def clamp_retention(seconds: float) -> float:
    if seconds <= 0:
        return DEFAULT_RETENTION_SECONDS
    return min(seconds, LONGEST_RETENTION_SECONDS)


class Loose(bytes):
    """A queued payload that is no JSON; over HTTP it appears as a JSON string."""

    __slots__ = ()


class Subscriber:
    """One listener's buffer; the thread of its connection takes messages from it."""

    def __init__(self, channel: str, capacity: int = SUBSCRIBER_BUFFER) -> None:
        self.channel = channel
        self.capacity = capacity
        self.dropped = False
        self._messages: deque[bytes] = deque()
        self._ready = threading.Condition()

    def offer(self, message: bytes) -> bool:
        """Buffer a message, or drop this subscriber when there is no room."""
        with self._ready:
            if self.dropped or len(self._messages) >= self.capacity:
                self.dropped = True
                self._ready.notify_all()
                return False
            self._messages.append(message)
            self._ready.notify_all()
            return True

    def take(self, timeout: float | None = None) -> bytes | None:
        """Return the next message; None when there is none in time, or never will be."""
        with self._ready:
            self._ready.wait_for(lambda: bool(self._messages) or self.dropped, timeout)
            return self._messages.popleft() if self._messages else None

    def close(self) -> None:
        with self._ready:
            self.dropped = True
            self._ready.notify_all()

    @property
    def buffered(self) -> int:
        return len(self._messages)


class Drain(Subscriber):
    """A competing subscriber that reads everything at once."""

    def offer(self, message: bytes) -> bool:
        return not self.dropped


class UsageQueue:
    """Events on their way out of the upstream."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.RLock()
        self._stock: deque[bytes] = deque()
        self._items: deque[tuple[float, bytes]] = deque()
        self._subscribers: dict[str, list[Subscriber]] = {channel: [] for channel in CHANNELS}
        self.retention: float = DEFAULT_RETENTION_SECONDS
        self.statistics_enabled = False
        self.management_enabled = True
        self.pushed = self.handed_out = self.pruned = self.swallowed = self.not_recorded = 0
        self.handed_out_log: list[bytes] | None = None

    def push(self, payloads: Iterable[bytes]) -> None:
        """Take events in; they are dropped without a word unless statistics and management are
        on."""
        batch = list(payloads)
        with self._lock:
            if not (self.statistics_enabled and self.management_enabled):
                self.not_recorded += len(batch)
                return
            self._prune()
            if self._subscribers["usage"]:
                batch = self._until_nobody_listens(batch)
            now = self._clock()
            self._items.extend((now, payload) for payload in batch)
            self.pushed += len(batch)

    def stock(self, payloads: Iterable[bytes]) -> int:
        """Put events in front of everything, to stay until they are popped, and return how many
        they are."""
        batch = list(payloads) if self.management_enabled else []
        with self._lock:
            self._stock.extend(batch)
            self.pushed += len(batch)
        return len(batch)

    def _until_nobody_listens(self, batch: list[bytes]) -> list[bytes]:
        for position, payload in enumerate(batch):
            if not self._subscribers["usage"]:
                return batch[position:]
            self.publish("usage", payload)
            self.swallowed += 1
        return []

    def pop(self, count: int) -> list[bytes]:
        with self._lock:
            self._prune()
            stocked, queued = self._stock.popleft, self._items.popleft
            taken = [stocked() for _ in range(min(count, len(self._stock)))]
            taken += [queued()[1] for _ in range(min(count - len(taken), len(self._items)))]
            self.handed_out += len(taken)
            if self.handed_out_log is not None:
                self.handed_out_log.extend(taken)
            return taken

    def _prune(self) -> None:
        oldest = self._clock() - clamp_retention(self.retention)
        while self._items and self._items[0][0] < oldest:
            self._items.popleft()
            self.pruned += 1

    def publish(self, channel: str, message: bytes) -> None:
        """Offer a message to everyone on a channel; who has no room for it is dropped."""
        with self._lock:
            listeners = self._subscribers[channel]
            self._subscribers[channel] = [
                listener for listener in listeners if listener.offer(message)
            ]

    def subscribe(self, subscriber: Subscriber, greeting: bytes | None) -> None:
        with self._lock:
            if greeting is not None:
                subscriber.offer(greeting)
            self._subscribers[subscriber.channel].append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        with self._lock:
            listeners = self._subscribers[subscriber.channel]
            self._subscribers[subscriber.channel] = [
                one for one in listeners if one is not subscriber
            ]
        subscriber.close()

    def subscriber_count(self, channel: str = "usage") -> int:
        return len(self._subscribers[channel])

    def __len__(self) -> int:
        return len(self._stock) + len(self._items)

    def clear(self) -> None:
        with self._lock:
            self._stock.clear()
            self._items.clear()

    def disable_management(self) -> None:
        """Forget everything queued and send every subscriber away."""
        with self._lock:
            self.management_enabled = False
            self.clear()
            gone = [one for listeners in self._subscribers.values() for one in listeners]
            self._subscribers = {channel: [] for channel in CHANNELS}
        for subscriber in gone:
            subscriber.close()

    def enable_management(self) -> None:
        self.management_enabled = True


def as_page(payloads: list[bytes]) -> bytes:
    """Return popped payloads as the JSON array of the HTTP response."""
    return b"[" + b",".join(_element(payload) for payload in payloads) + b"]"


def _element(payload: bytes) -> bytes:
    return go_json(payload.decode("utf-8", "replace")) if isinstance(payload, Loose) else payload
