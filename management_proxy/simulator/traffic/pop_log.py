"""Who popped the queue, and when: shows two pops at once, whatever the collectors record."""

from collections import deque
from dataclasses import dataclass

MOST_POPS = 200_000


@dataclass(frozen=True)
class Pop:
    """One pop: the connection that it came by (address and port), the seconds since 1970 at which
    it arrived and its events were taken, and how many they were."""

    connection: str
    arrived: float
    taken: float
    events: int


PopLog = deque[Pop]


def new_pop_log() -> PopLog:
    """An empty log, which forgets the oldest pops when it is full."""
    return deque(maxlen=MOST_POPS)
