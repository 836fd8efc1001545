"""Bounds of one exchange with an upstream, of our own calls and of proxied ones alike; and haste,
which bounds all exchanges of a block together."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

CONNECT_SECONDS = 5.0
KIB, MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Seconds to connect, until the response begins, for each further wait and for everything
    together; and bytes of the response's body."""

    connect: float = CONNECT_SECONDS
    first_byte: float = 10.0
    idle: float = 10.0
    total: float = 10.0
    response_bytes: int = 64 * KIB

    @classmethod
    def of(cls, seconds: float, *, total: float = 0.0, response_bytes: int = 64 * KIB) -> "Limits":
        """The same seconds for each wait, and for everything unless `total` is given."""
        return cls(
            first_byte=seconds,
            idle=seconds,
            total=total or seconds,
            response_bytes=response_bytes,
        )


SMALL = Limits.of(10)
CONFIGURATION = Limits.of(15, response_bytes=16 * MIB)
# A write of the configuration, which saves the whole file before it responds (contract 6.1, 10).
WRITE = Limits.of(15)

# When the present block stops waiting, on the monotonic clock; None if it is not in haste.
_stops_at: ContextVar[float | None] = ContextVar("stops_at", default=None)
_SHORTEST_SECONDS = 0.01


@contextmanager
def in_haste(seconds: float | None) -> Iterator[None]:
    """Calls in the block that are not over after so many seconds of it raise StillWaiting; None
    takes its whole limits for each. Of this thread alone."""
    token = _stops_at.set(None if seconds is None else time.monotonic() + seconds)
    try:
        yield
    finally:
        _stops_at.reset(token)


def seconds_left() -> float | None:
    """How long the present block may still wait; None if it is not in haste."""
    stops_at = _stops_at.get()
    return None if stops_at is None else max(stops_at - time.monotonic(), _SHORTEST_SECONDS)


def in_time(limits: Limits) -> tuple[Limits, bool]:
    """The limits of a call that begins now, and whether haste has shortened them."""
    left = seconds_left()
    if left is None or left >= limits.total:
        return limits, False
    shorter = {name: min(getattr(limits, name), left) for name in ("connect", "first_byte", "idle")}
    return replace(limits, **shorter, total=left), True
