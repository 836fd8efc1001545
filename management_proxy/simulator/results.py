"""What became of each credential's attempts: counters, ten-minute buckets and cooldown (contract
5.1 and 8.9)."""

import threading
from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import Any

from management_proxy.simulator.clock import NANOSECONDS, Clock, go_timestamp, local_text

BUCKET_SECONDS = 600
BUCKETS_SHOWN = 20
HALF_HOUR, HALF_DAY, MINUTE = 1800.0, 43200.0, 60.0
LONGEST_BACKOFF = 1800.0
# The client's own fault or its leaving is no failure of the credential.
BLAMELESS = frozenset({400, 409, 413, 422, 499})
UNSUPPORTED = ("not supported", "unsupported", "does not exist")


@dataclass
class ModelState:
    """One model of one credential: until when it is blocked, and how often in a row it hit a rate
    limit."""

    blocked_until: float = 0.0
    backoff: int = 0


@dataclass
class Standing:
    """One credential since the process started, or since the credential was made."""

    success: int = 0
    failed: int = 0
    buckets: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    models: dict[str, ModelState] = field(default_factory=dict)
    message: str = ""
    updated_at: float = 0.0
    # Nothing is sent through it before, whatever its models do; infinite: its login is refused.
    rests_until: float = 0.0


_NEVER_USED = Standing()


class Results:
    """The standings of all credentials, by auth index."""

    def __init__(self, clock: Clock, offset_minutes: int) -> None:
        self._clock = clock
        self._offset = offset_minutes
        self._lock = threading.Lock()
        self._standings: dict[str, Standing] = defaultdict(Standing)
        self.cooling_disabled = False

    def note(self, index: str, model: str, status: int, body: str) -> None:
        """Record one attempt's outcome; 200 is a success."""
        now = self._clock()
        with self._lock:
            standing = self._standings[index]
            bucket = standing.buckets[int(now) // BUCKET_SECONDS]
            standing.updated_at = now
            if status < 400:
                standing.success += 1
                bucket[0] += 1
                self._recover(standing, model)
            else:
                standing.failed += 1
                bucket[1] += 1
                self._blame(standing, model, status, body, now)

    def count(self, index: str, success: int, failed: int, at: int) -> None:
        """Add many outcomes of one bucket at once, without their consequences."""
        oldest = int(self._clock()) // BUCKET_SECONDS - BUCKETS_SHOWN
        with self._lock:
            standing = self._standings[index]
            standing.success += success
            standing.failed += failed
            if at > oldest:
                bucket = standing.buckets[at]
                bucket[0] += success
                bucket[1] += failed

    @staticmethod
    def _recover(standing: Standing, model: str) -> None:
        standing.models[model] = ModelState()
        if not any(state.blocked_until for state in standing.models.values()):
            standing.message = ""

    def _blame(self, standing: Standing, model: str, status: int, body: str, now: float) -> None:
        unsupported = status in (400, 422) and any(text in body for text in UNSUPPORTED)
        state = standing.models.setdefault(model, ModelState())
        if self.cooling_disabled or (status in BLAMELESS and not unsupported):
            return
        standing.message = body
        state.backoff += 1
        state.blocked_until = now + _cooldown_seconds(
            status, unsupported=unsupported, backoff=state.backoff
        )

    def rest(self, index: str, message: str, until: float) -> None:
        """Let nothing be sent through a credential before an instant; infinite: until it is
        connected anew."""
        with self._lock:
            standing = self._standings[index]
            standing.message, standing.rests_until = message, until

    def rests(self, index: str) -> bool:
        """Whether nothing is sent through a credential now."""
        return self._standings.get(index, _NEVER_USED).rests_until > self._clock()

    def reconnect(self, index: str) -> None:
        """End the rest of a credential that has new tokens."""
        with self._lock:
            standing = self._standings.get(index)
            if standing and standing.rests_until:
                standing.message, standing.rests_until = "", 0.0

    def forget(self, index: str) -> None:
        with self._lock:
            self._standings.pop(index, None)

    def clear(self) -> None:
        with self._lock:
            self._standings.clear()

    def reset_quota(self, index: str) -> list[str]:
        """Clear a credential's cooldown and return the models it had any state of."""
        with self._lock:
            standing = self._standings[index]
            models = list(standing.models)
            standing.models = {model: ModelState() for model in models}
            if standing.rests_until != inf:
                standing.message, standing.rests_until = "", 0.0
            return models

    def total(self, index: str) -> tuple[int, int]:
        standing = self._standings.get(index, _NEVER_USED)
        return standing.success, standing.failed

    def shown(self, index: str) -> dict[str, Any]:
        """Return the counters of a credential as both listings show them."""
        standing = self._standings.get(index, _NEVER_USED)
        last = int(self._clock()) // BUCKET_SECONDS
        recent = [self._bucket(standing, at) for at in range(last - BUCKETS_SHOWN + 1, last + 1)]
        return {"success": standing.success, "failed": standing.failed, "recent_requests": recent}

    def _bucket(self, standing: Standing, at: int) -> dict[str, Any]:
        start, end = (
            local_text(edge * BUCKET_SECONDS, self._offset, "%H:%M") for edge in (at, at + 1)
        )
        success, failed = standing.buckets.get(at, (0, 0))
        return {"time": f"{start}-{end}", "success": success, "failed": failed}

    def trouble(self, index: str) -> dict[str, Any]:
        """Return status, message and, when every tracked model is blocked, until when."""
        standing = self._standings.get(index, _NEVER_USED)
        now = self._clock()
        blocked = [
            state.blocked_until for state in standing.models.values() if state.blocked_until > now
        ]
        all_blocked = bool(blocked) and len(blocked) == len(standing.models)
        if now < standing.rests_until < inf:
            all_blocked, blocked = True, [standing.rests_until]
        shown: dict[str, Any] = {
            "status": "error" if standing.message else "active",
            "status_message": standing.message,
            "unavailable": all_blocked,
        }
        if all_blocked:
            shown["next_retry_after"] = go_timestamp(int(min(blocked) * NANOSECONDS), self._offset)
        return shown


def _cooldown_seconds(status: int, *, unsupported: bool, backoff: int) -> float:
    if unsupported or status == 404:
        return HALF_DAY
    if status in (401, 402, 403):
        return HALF_HOUR
    if status == 429:
        return min(2.0 ** (backoff - 1), LONGEST_BACKOFF)
    return MINUTE
