"""The price version of each event of a page, before it is stored.

What is looked up for the first time may make a row, outside the transaction of the page, as
attribution does; everything after that is two look-ups in memory. Whatever goes wrong with a price,
its event is stored without one, and a recomputation can add it.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from django.db import DatabaseError

from providers.models import ClientKey
from usage import log_kinds as kinds
from usage.costs.own_prices import Traffic
from usage.costs.price_book import Moment, Price, PriceBook, present_state
from usage.ingest.page_parser import Signature
from usage.ingest.stored_text import storable_text

if TYPE_CHECKING:
    from usage.ingest.attribution import Belongs

logger = logging.getLogger(__name__)

# Owners of client keys are looked up again so often, where an own price is a user's.
_OWNERS_KEPT_SECONDS = 30.0
_MOST_CACHED = 200_000


class Priceable(Protocol):
    """What of an attempt its price depends on, beside whose it is; an entry of a page has it."""

    @property
    def timestamp(self) -> datetime: ...
    @property
    def signature(self) -> Signature: ...
    @property
    def billed_tier(self) -> str: ...
    @property
    def input_tokens(self) -> int: ...


def _version(prices: tuple[Price, ...], attempt: Priceable) -> int | None:
    if len(prices) <= 1:
        return prices[0].version if prices else None
    input_tokens = attempt.input_tokens
    # Longest context first.
    return next(price.version for price in prices if input_tokens > price.above or not price.above)


class Pricing:
    """Finds price versions by the present state of catalogue and own prices; used by one thread."""

    def __init__(self) -> None:
        self._book: PriceBook | None = None
        self._known: dict[tuple[object, ...], tuple[Price, ...]] = {}
        self._moments: dict[int, int] = {}
        self._numbers: dict[Moment, int] = {}
        self._owners: dict[int, int] = {}
        self._owners_at = 0.0

    def versions(
        self, attempts: Sequence[Priceable], belongings: Sequence["Belongs"]
    ) -> list[int | None]:
        """The version of each attempt, None where it has no price. Raises django.db.Error."""
        book = self._refreshed()
        by_party, known, moments = book.own_prices.by_party, self._known, self._moments
        found: list[int | None] = []
        # Once an event: look-ups in the loop itself.
        for attempt, belongs in zip(attempts, belongings, strict=True):
            minute = int(attempt.timestamp.timestamp()) // 60
            moment = moments.get(minute)
            if moment is None:
                moment = self._moment(book, minute, attempt.timestamp)
            parties = belongs[1:] if by_party else None
            key = (moment, belongs[0], attempt.billed_tier, parties)
            prices = known.get(key)
            if prices is None:
                prices = known[key] = self._find(book, attempt, belongs)
            found.append(_version(prices, attempt))
        return found

    def _moment(self, book: PriceBook, minute: int, at: datetime) -> int:
        """The number of an instant's moment; no price changes within a minute."""
        moment = book.moment_of(at)
        number = self._moments[minute] = self._numbers.setdefault(moment, len(self._numbers))
        return number

    def _find(self, book: PriceBook, attempt: Priceable, belongs: "Belongs") -> tuple[Price, ...]:
        traffic = Traffic(
            storable_text(attempt.signature.provider, 100),
            storable_text(attempt.signature.model, 200),
            belongs.credential_id,
            belongs.client_key_id,
            self._owners.get(belongs.client_key_id or 0),
        )
        try:
            return book.prices(traffic, attempt.timestamp, attempt.billed_tier)
        except DatabaseError:
            raise
        except Exception:  # no price is worth an event
            kinds.PRICE_NOT_FOUND.log_exception(logger, logging.ERROR, model=traffic.model)
            return ()

    def _refreshed(self) -> PriceBook:
        book = self._book
        if book is None or present_state() != book.state:
            book = self._book = PriceBook.newest()
            self._forget()
        if book.own_prices.by_user and time.monotonic() > self._owners_at + _OWNERS_KEPT_SECONDS:
            self._read_owners()
        if len(self._known) + len(self._moments) > _MOST_CACHED:
            self._forget()
        return book

    def _read_owners(self) -> None:
        owned = ClientKey.objects.exclude(owner=None).values_list("pk", "owner_id")
        if (owners := dict(owned)) != self._owners:
            self._owners = owners
            self._forget()
        self._owners_at = time.monotonic()

    def _forget(self) -> None:
        for cached in (self._known, self._moments, self._numbers):
            cached.clear()
