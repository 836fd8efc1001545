"""Whether and when a failed attempt is repeated.

| attempt that failed | pause before the next, seconds, drawn evenly |
| --- | --- |
| 1 | 0 to 0.1 |
| 2 | 0 to 0.2 |

An upstream that sends `Retry-After` gets at least that time. Repeated are only calls that a
policy lets be repeated, when the failure proves or implies that nothing was committed: no
connection, a connection that broke, 502, 503, 504. Never a refusal, never a timeout once the
request was sent, never a write. On top of that each process repeats at most one in ten of its
recent requests to an upstream: an ill one gets a tenth more load from us, not three times as much.
"""

import random
import threading
from dataclasses import dataclass

from management_proxy.client.errors import Broken, NotReached, UpstreamError
from management_proxy.proxy.rules.policy import Policy

MOST_ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 5.0
GATEWAY_FAULTS = frozenset({502, 503, 504})


class RetryBudget:
    """Earns a share of a retry with every request and spends one with every retry; keeps no more
    than `most` of them."""

    def __init__(self, share: float = 0.1, most: float = 10.0) -> None:
        self._share, self._most = share, most
        self._balance = 0.0
        self._lock = threading.Lock()

    def earn(self) -> None:
        """A request (not a retry) begins."""
        with self._lock:
            self._balance = min(self._balance + self._share, self._most)

    def spend(self) -> bool:
        """Whether one more retry may be made; it is counted."""
        with self._lock:
            # Ten tenths make a whole, whatever floating point says.
            if self._balance < 1 - 1e-9:
                return False
            self._balance -= 1
            return True


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: an error, or a status and `Retry-After` (seconds, 0 if it was not
    sent)."""

    error: UpstreamError | None = None
    status: int = 0
    retry_after: float = 0.0

    @property
    def is_repeatable(self) -> bool:
        """Whether the failure is one after which the same request may be sent again."""
        if self.error is not None:
            return isinstance(self.error, NotReached | Broken)
        return self.status in GATEWAY_FAULTS


def pause_before_next(
    policy: Policy, outcome: Outcome, attempts: int, seconds_left: float
) -> float | None:
    """Seconds to wait before the next attempt; None if there must be none. `attempts` counts those
    made."""
    if not policy.retries or attempts >= MOST_ATTEMPTS or not outcome.is_repeatable:
        return None
    pause = max(outcome.retry_after, random.uniform(0, FIRST_PAUSE_SECONDS * 2 ** (attempts - 1)))  # noqa: S311
    return pause if pause <= min(LONGEST_WAIT_SECONDS, seconds_left) else None


def retry_after_seconds(value: str) -> float:
    """The seconds of a `Retry-After`; 0 for none, and for a date, which the upstream never
    sends."""
    return float(value) if value.isdigit() and len(value) < 7 else 0.0
