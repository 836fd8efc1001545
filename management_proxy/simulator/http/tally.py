"""Counts of requests by route and status, by which a test counts what was sent."""

import threading
from collections import Counter


class Tally:
    """Requests that got a response."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()

    def note(self, method: str, path: str, status: int) -> None:
        with self._lock:
            self._requests[f"{method} {path} {status}"] += 1

    def shown(self) -> dict[str, int]:
        with self._lock:
            return dict(sorted(self._requests.items()))

    def count(self, text: str = "") -> int:
        """Return how many requests there were whose `METHOD path status` contains a text."""
        return sum(count for key, count in self.shown().items() if text in key)
