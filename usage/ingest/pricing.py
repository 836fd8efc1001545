"""The price version of each event of a page, before it is stored.

What is looked up for the first time may make a row, outside the transaction of the page, as
attribution does; everything after that is two look-ups in memory. Whatever goes wrong with a price,
its event is stored without one, and a recomputation can add it.
"""

import logging
import time
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from django.db import DatabaseError

from providers.models import ClientKey
from usage.costs.own_prices import Traffic
from usage.costs.price_book import Moment, Price, PriceBook, present_state
from usage.ingest.page_parser import Entry, Signature
from usage.ingest.stored_text import storable_text

if TYPE_CHECKING:
    from usage.ingest.attribution import Belongs

logger = logging.getLogger(__name__)

# Owners of client keys are looked up again so often, where an own price is a user's.
_OWNERS_KEPT_SECONDS = 30.0
_MOST_CACHED = 200_000
_INPUT = slice(6, 9)  # of an entry's columns: uncached, read from the cache, written to it


class Priceable(NamedTuple):
    """What of an attempt its price depends on, beside whose it is."""

    timestamp: datetime
    signature: Signature
    billed_tier: str
    input_tokens: int

    @classmethod
    def of(cls, entry: Entry) -> "Priceable":
        """Of an entry of a page."""
        read = sum(count or 0 for count in entry.columns[_INPUT])
        return cls(entry.timestamp, entry.signature, entry.billed_tier, read)


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
        return [
            self._version(self._prices(book, attempt, belongs), attempt.input_tokens)
            for attempt, belongs in zip(attempts, belongings, strict=True)
        ]

    @staticmethod
    def _version(prices: tuple[Price, ...], input_tokens: int) -> int | None:
        # Longest context first.
        for price in prices:
            if input_tokens > price.above or not price.above:
                return price.version
        return None

    def _prices(self, book: PriceBook, attempt: Priceable, belongs: "Belongs") -> tuple[Price, ...]:
        key = (
            self._moment(book, attempt.timestamp),
            belongs.series_id,
            attempt.billed_tier,
            *(belongs[1:] if book.own_prices.by_party else ()),
        )
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._find(book, attempt, belongs)
        return found

    def _moment(self, book: PriceBook, at: datetime) -> int:
        """The number of an instant's moment; no price changes within a minute."""
        minute = int(at.timestamp()) // 60
        number = self._moments.get(minute)
        if number is None:
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
            logger.exception("Price not found", extra={"model": traffic.model})
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
