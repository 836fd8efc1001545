"""The account of the present request: where its time went and what it read, for log and metrics.

Whoever waits for something adds the seconds here (`waiting`); what is left of the request's time is
ours. Outside of requests there is an account as well, which no line shows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

PHASES = ("database", "upstream", "cache")


@dataclass(slots=True)
class Account:
    """One request so far; seconds by phase, and what of usage it queried."""

    started: float = field(default_factory=time.perf_counter)
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(PHASES, 0.0))
    statements: int = 0
    user_id: int | None = None
    token_id: int | None = None
    # Of usage: kinds of query, sources that they were read from, cache outcomes; rows and days.
    queries: set[str] = field(default_factory=set)
    sources: set[str] = field(default_factory=set)
    cache: set[str] = field(default_factory=set)
    rows: int = 0
    days: float = 0.0

    def add(self, phase: str, seconds: float) -> None:
        """Count seconds that were spent waiting for one of `PHASES`."""
        self.seconds[phase] += seconds

    @property
    def elapsed(self) -> float:
        """Seconds since it was opened."""
        return time.perf_counter() - self.started

    def split(self, total: float) -> dict[str, float]:
        """Seconds by phase, with `ours` for what is left of `total`."""
        return {**self.seconds, "ours": max(0.0, total - sum(self.seconds.values()))}


_current: ContextVar[Account | None] = ContextVar("account", default=None)


def begin_account() -> Account:
    """A new account, which is the present one from now on."""
    account = Account()
    _current.set(account)
    return account


def current_account() -> Account:
    """The account of what this thread does; a new one that nobody reads outside of requests."""
    return _current.get() or Account()


@contextmanager
def separate_account() -> Iterator[Account]:
    """An account of its own for a part, whose figures are added to the present one afterwards."""
    outer, part = _current.get(), Account()
    token = _current.set(part)
    try:
        yield part
    finally:
        _current.reset(token)
        if outer:
            _merge(outer, part)


def _merge(account: Account, part: Account) -> None:
    for phase, seconds in part.seconds.items():
        account.seconds[phase] += seconds
    account.statements += part.statements
    account.rows += part.rows
    account.days = max(account.days, part.days)
    account.queries |= part.queries
    account.sources |= part.sources
    account.cache |= part.cache


@contextmanager
def timed() -> Iterator[Callable[[], float]]:
    """How many seconds the block took, once it is over."""
    started, ended = time.perf_counter(), list[float]()
    try:
        yield lambda: ended[0] - started
    finally:
        ended.append(time.perf_counter())


@contextmanager
def waiting(phase: str) -> Iterator[None]:
    """Count what the block takes as waiting for `phase`, but for what blocks within it count."""
    account, started = current_account(), time.perf_counter()
    before = sum(account.seconds.values())
    try:
        yield
    finally:
        within = sum(account.seconds.values()) - before
        account.add(phase, time.perf_counter() - started - within)
