"""Results that many requests share for a few seconds, such as what is wrong now.

    call --read less than `seconds` ago?--> that result
           |  no
           +--does another thread read?--> wait for it
                |  no
                +--> read

Each process reads for itself, and only time makes a result old: what has just changed may show so
much later. A read that fails is not kept.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

from django.utils import timezone, translation

from monitoring.health import Finding, findings

# How long pages and scrapes share what the health checks found.
FINDINGS_SECONDS = 5.0

T = TypeVar("T")


@dataclass(frozen=True)
class _Reading(Generic[T]):
    value: T
    read_at: float


class Recent(Generic[T]):
    """What `read` returned for the same arguments at most `seconds` ago."""

    def __init__(self, read: Callable[..., T], seconds: float) -> None:
        self._read, self._seconds, self._lock = read, seconds, Lock()
        self._readings: dict[tuple[Hashable, ...], _Reading[T]] = {}

    def __call__(self, *about: Hashable) -> T:
        return self._reading(about).value

    def with_age(self, *about: Hashable) -> tuple[T, float]:
        """The same, and how many seconds ago it was read."""
        reading = self._reading(about)
        return reading.value, monotonic() - reading.read_at

    def forget(self) -> None:
        """Read anew at the next call."""
        self._readings = {}

    def _reading(self, about: tuple[Hashable, ...]) -> _Reading[T]:
        return self._known(about) or self._read_alone(about)

    def _known(self, about: tuple[Hashable, ...]) -> _Reading[T] | None:
        known = self._readings.get(about)
        return known if known and self._is_recent(known) else None

    def _is_recent(self, reading: _Reading[T]) -> bool:
        return monotonic() - reading.read_at < self._seconds

    def _read_alone(self, about: tuple[Hashable, ...]) -> _Reading[T]:
        with self._lock:
            if known := self._known(about):
                return known
            # As old as the beginning of the read.
            read_at = monotonic()
            reading = _Reading(self._read(*about), read_at)
            kept = {key: old for key, old in self._readings.items() if self._is_recent(old)}
            self._readings = {**kept, about: reading}
            return reading


def recent_findings() -> list[Finding]:
    """What the health checks found at most `FINDINGS_SECONDS` ago, in the reader's language and
    zone."""
    return shared_findings(*_reader())


def age_of_findings() -> float:
    """How many seconds ago that was read."""
    return shared_findings.with_age(*_reader())[1]


def _reader() -> tuple[str | None, str]:
    return translation.get_language(), timezone.get_current_timezone_name()


shared_findings = Recent(lambda *reader: findings(), FINDINGS_SECONDS)
