"""The currency that pages show amounts in, chosen around the rendering, as the time zone is.

Amounts are nano-dollars up to the filters that write them down; only there are they converted, each
by itself, and rounded once. One page has one rate, which is looked up when the first amount needs
it and stated below the page if any did.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cached_property

DOLLAR = "USD"


@dataclass(frozen=True)
class Currency:
    """The currency that is wanted; how many units of it a dollar is, and since which day. Without a
    rate, amounts stay in dollars."""

    wanted: str = DOLLAR
    rate: Decimal | None = None
    since: date | None = None

    @property
    def code(self) -> str:
        """The currency that amounts are in."""
        return DOLLAR if self.rate is None else self.wanted

    @property
    def is_missing(self) -> bool:
        """Whether dollars are shown for want of a rate."""
        return self.rate is None and self.wanted != DOLLAR

    @property
    def parameter(self) -> str | None:
        """How a link to a file requests it as well; None for dollars, which every file has."""
        return None if self.wanted == DOLLAR else self.wanted

    def of(self, nano_usd: int) -> int:
        """Nano-dollars as nano-units of it, rounded half to even."""
        if self.rate is None:
            return nano_usd
        return int((nano_usd * self.rate).to_integral_value(ROUND_HALF_UP))


class Shown:
    """The currency of what is being rendered, once it is needed."""

    def __init__(self, find: Callable[[], Currency]) -> None:
        self._find = find

    @cached_property
    def currency(self) -> Currency:
        """It."""
        return self._find()

    @property
    def if_needed(self) -> Currency | None:
        """It, if any amount has been written down."""
        return self.currency if "currency" in self.__dict__ else None


_shown: ContextVar[Shown] = ContextVar("shown currency")


def shown() -> Shown:
    """The currency of the page; dollars outside of any."""
    return _shown.get(Shown(Currency))


@contextmanager
def showing(find: Callable[[], Currency]) -> Iterator[None]:
    """Show amounts in the currency that `find` returns, until the block ends."""
    token = _shown.set(Shown(find))
    try:
        yield
    finally:
        _shown.reset(token)
