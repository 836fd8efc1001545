"""The circuit breaker of an upstream: after too many failures no call passes for a while, then one
call tries.

    closed --too many of the last attempts failed--> open (until)
    open --until has passed, one caller of all wins--> half-open (until)
    half-open --the trial succeeded--> closed
    half-open --the trial failed, or its end was never reported--> open, for longer

Each process judges by the attempts it made itself (`Window`); the state is one row of the database
that all share, so that they stop together and exactly one of them tries again
(management_proxy/proxy/limits/shared_breaker.py). Each opening that follows a failed trial lasts
twice as long as the one before. Both classes are plain: time is an argument.

A failure is an attempt without a whole response, or one with status 502, 503 or 504: the upstream
is out of reach or ill. Any other response, also an error, proves that it lives. Refused keys and
bans are kept apart from this, with the upstream (`Upstream.access`): they stop collector and proxy
alike, until the ban has passed or an operator acts. The breaker stops the proxy alone: the
collector loses events by waiting, and has its own backoff.
"""

from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

WINDOW_SECONDS = 10.0
FEWEST_ATTEMPTS = 10
FAILURE_SHARE = 0.5
FIRST_OPEN_SECONDS = 5.0
LONGEST_OPEN_SECONDS = 60.0
# Longer than any call whose response decides a trial may take to begin.
TRIAL_SECONDS = 60.0


class State(StrEnum):
    """Whether calls pass."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Seen(NamedTuple):
    """One attempt: when it ended and whether it failed."""

    at: float
    failed: bool


class Window:
    """The attempts of the last `WINDOW_SECONDS`."""

    def __init__(self) -> None:
        self._seen: deque[Seen] = deque()
        self._failures = 0

    def note(self, failed: bool, now: float) -> bool:
        """Count an attempt; whether there are now too many failures among the last ones."""
        self._seen.append(Seen(now, failed))
        self._failures += failed
        while self._seen[0].at < now - WINDOW_SECONDS:
            self._failures -= self._seen.popleft().failed
        return (
            failed
            and len(self._seen) >= FEWEST_ATTEMPTS
            and self._failures >= FAILURE_SHARE * len(self._seen)
        )

    def clear(self) -> None:
        self._seen.clear()
        self._failures = 0


@dataclass(frozen=True)
class Circuit:
    """The state at an instant; `strikes` counts the openings since it was last closed."""

    state: State = State.CLOSED
    until: float = 0.0
    strikes: int = 0

    def wait(self, now: float) -> float:
        """Seconds that callers have to wait; 0 if a call may pass, be it only one as a trial."""
        return 0.0 if self.state is State.CLOSED else max(0.0, self.until - now)

    def opened(self, now: float) -> "Circuit":
        """After too many failures, or a failed trial."""
        lasts = min(FIRST_OPEN_SECONDS * 2**self.strikes, LONGEST_OPEN_SECONDS)
        return Circuit(State.OPEN, now + lasts, self.strikes + 1)

    def on_trial(self, now: float) -> "Circuit":
        """While one call tries."""
        return Circuit(State.HALF_OPEN, now + TRIAL_SECONDS, self.strikes)
