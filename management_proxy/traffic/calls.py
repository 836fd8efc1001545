"""What is known of one call through the proxy: gathered on its way, logged and passed to the
listeners that measure once it is over."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from management_proxy import log_kinds as kinds
from monitoring.logs.account import current_account
from monitoring.logs.afterwards import afterwards
from monitoring.tracing.spans import bound

logger = logging.getLogger(__name__)


@dataclass
class Call:
    """One call. Seconds are of the attempts together; `route` is the policy's path, never the
    caller's."""

    method: str
    request_id: str
    route: str = ""
    upstream: str = ""
    user: str = ""
    status: int = 0
    upstream_status: int | None = None
    attempts: int = 0
    # `passed`, `caller_left`, `cut`, or the code of the refusal.
    outcome: str = ""
    reason: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    connect_seconds: float = 0.0
    first_byte_seconds: float = 0.0
    body_seconds: float = 0.0
    waited_seconds: float = 0.0
    total_seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic, repr=False)

    @property
    def run_time_ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    @property
    def upstream_seconds(self) -> float:
        """What of the run time the upstream took, its attempts together."""
        return self.connect_seconds + self.first_byte_seconds + self.body_seconds

    @property
    def own_seconds(self) -> float:
        """What of the run time was ours: everything but waiting for the upstream and for a slot."""
        return max(0.0, self.total_seconds - self.upstream_seconds - self.waited_seconds)

    def finish(self, outcome: str, status: int, reason: str = "") -> None:
        """The call is over; only the first report counts."""
        if self.outcome:
            return
        self.outcome, self.status, self.reason = outcome, status, reason
        self.total_seconds = time.monotonic() - self._started
        current_account().add("upstream", self.upstream_seconds)
        afterwards(bound(self._report))

    def _report(self) -> None:
        self._log()
        for listener in _listeners:
            self._notify(listener)

    def _notify(self, listener: "Listener") -> None:
        try:
            listener(self)
        except Exception:  # figures about a call are never worth the call
            kinds.CALL_NOT_COUNTED.log_exception(logger, logging.ERROR)

    def _log(self) -> None:
        level = logging.INFO if self.outcome == "passed" else logging.WARNING
        fields = {
            "request_id": self.request_id,
            "method": self.method,
            "route": self.route,
            "upstream": self.upstream,
            "user": self.user,
            "status": self.status,
            "upstream_status": self.upstream_status,
            "outcome": self.outcome,
            "attempts": self.attempts,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "duration_ms": round(self.total_seconds * 1000),
            "upstream_ms": round(self.upstream_seconds * 1000),
        }
        reason = {"reason": self.reason} if self.reason else {}
        kinds.CALL_ENDED.log(logger, level, **fields, **reason)


Listener = Callable[[Call], None]
_listeners: list[Listener] = []


def on_finished(listener: Listener) -> None:
    """Call this one with every call that is over."""
    _listeners.append(listener)
