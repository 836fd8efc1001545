"""When the collector polls next: as often as the backlog demands, never so rarely that events
expire uncollected. Pure.

    after                       the next poll comes
    a full page                 at once
    a page with events          after the interval
    empty polls for a while     after an interval that grows by half each time, up to
                                LONGEST_IDLE_SECONDS
    a failure                   after an interval that doubles each time, up to
                                LONGEST_BACKOFF_SECONDS

and in each case within a third of the upstream's retention, so that two polls in a row may fail
before anything is lost.
"""

import random
from dataclasses import dataclass

from management_proxy.client.usage import DEFAULT_RETENTION_SECONDS

LONGEST_BACKOFF_SECONDS = 60.0
LONGEST_IDLE_SECONDS = 10.0
# So many empty polls count as a pause between two requests, not as an unused queue.
PATIENCE = 15


def longest_wait(retention_seconds: int | None) -> float:
    """The longest time between two polls, in seconds; the default retention holds where it is not
    known."""
    return (retention_seconds or DEFAULT_RETENTION_SECONDS) / 3


@dataclass
class Cadence:
    """The rhythm of one upstream's collector; `interval` is the operator's, in seconds."""

    interval: float
    retention_seconds: int | None = None
    failures: int = 0
    empty_polls: int = 0

    def after_success(self, popped: int, more_waiting: bool) -> float:
        """Seconds to wait after a run that popped so much, and perhaps left more behind."""
        self.failures = 0
        self.empty_polls = 0 if popped else self.empty_polls + 1
        if more_waiting:
            return 0.0
        idle = self.interval * 1.5 ** min(max(self.empty_polls - PATIENCE, 0), 20)
        jitter = random.uniform(0.9, 1.0)  # noqa: S311
        return self._bounded(min(idle, max(LONGEST_IDLE_SECONDS, self.interval))) * jitter

    def after_failure(self) -> float:
        """Seconds to wait after a run that failed."""
        self.failures += 1
        backoff = min(self.interval * 2.0 ** min(self.failures, 10), LONGEST_BACKOFF_SECONDS)
        return self._bounded(backoff) * random.uniform(0.5, 1.0)  # noqa: S311

    def while_another_collects(self) -> float:
        """Seconds to wait while another process holds the lease."""
        return self._bounded(self.interval)

    def _bounded(self, seconds: float) -> float:
        return min(seconds, longest_wait(self.retention_seconds))
