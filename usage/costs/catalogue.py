"""The catalogue of list prices: the only module that knows the package genai-prices.

It has the history of prices by day, prices by time of day, tiers by context length and by service
tier, cache reads and writes with both lifetimes, and reasoning where it is billed apart. A tier of
context length holds for all tokens of a request whose input is longer, not only for those beyond.

What events do not show is decided here: cache writes live for five minutes unless an own price
states otherwise; the output of a model that draws or speaks is priced as images or audio. The units
that events do not have (searches, pages, seconds) are left out.
"""

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from uuid import UUID

import genai_prices
from genai_prices.data_snapshot import DataSnapshot, find_provider_by_id
from genai_prices.types import (
    ModelInfo,
    ModelPrice,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
    _providers_from_raw,
)

from usage.costs.digests import half_digest
from usage.costs.rates import FREE, Rates, rate_of
from usage.costs.tiers import CONTEXTS
from usage.models.prices import LARGEST_RATE


@dataclass(frozen=True)
class Step:
    """The rates of requests with more input tokens than `above`, up to the next step."""

    above: int
    rates: Rates
    hour_cache_write: int


@dataclass(frozen=True, eq=False)
class CatalogueModel:
    """One model as one provider sells it."""

    provider: Provider
    info: ModelInfo

    @property
    def reference(self) -> str:
        """provider/model"""
        return f"{self.provider.id}/{self.info.id}"

    def steps(self, at: datetime, tier: str) -> tuple[Step, ...]:
        """The rates at an instant by context length, shortest first; none if it has no price a
        token."""
        context = CONTEXTS[tier] if self._is_own else {}
        prices = self.info.get_prices(at, context)
        if not prices.__dict__:
            return (Step(0, FREE, 0),)
        if prices.input_mtok is None and prices.output_mtok is None:
            return ()
        try:
            return tuple(self._step(prices, above) for above in _thresholds(prices))
        except ValueError:
            return ()

    @property
    def is_possible(self) -> bool:
        """Whether every price that it ever has can be paid."""
        listed = self.info.prices if isinstance(self.info.prices, list) else [self.info]
        every = (*listed, *(self.info.price_variants or ()))
        return all(
            0 <= dollars <= LARGEST_RATE
            for one in every
            for price in one.prices.__dict__.values()
            for dollars in _every_tier(price)
        )

    @property
    def _is_own(self) -> bool:
        """Variants are of the provider's own models, not of those that it lends from another."""
        return any(self.info is model for model in self.provider.models)

    def _step(self, prices: ModelPrice, above: int) -> Step:
        def rate(*keys: str) -> int | None:
            found = (getattr(prices, key) for key in keys)
            price = next((price for price in found if price is not None), None)
            return None if price is None else rate_of(_in_tier(price, above))

        plain = rate("input_mtok") or 0
        read, write = rate("cache_read_mtok"), rate("cache_write_5m_mtok", "cache_write_mtok")
        kept = rate("cache_write_1h_mtok")
        request = int((prices.requests_kcount or Decimal(0)) * 10**6)  # type: ignore[operator]
        rates = Rates(
            plain,
            plain if read is None else read,
            plain if write is None else write,
            rate(*self._drawn, "output_mtok") or 0,
            rate("output_reasoning_mtok"),
            request,
        )
        return Step(above, rates, rates.cache_write if kept is None else kept)

    @property
    def _drawn(self) -> tuple[str, ...]:
        if "image" in self.info.id:
            return ("output_image_mtok",)
        return ("output_audio_mtok",) if "audio" in self.info.id else ()


def _thresholds(prices: ModelPrice) -> list[int]:
    tiered = [price for price in prices.__dict__.values() if isinstance(price, TieredPrices)]
    return sorted({0, *(tier.start for price in tiered for tier in price.tiers)})


def _every_tier(price: Decimal | TieredPrices | None) -> list[Decimal]:
    if isinstance(price, TieredPrices):
        return [price.base, *(tier.price for tier in price.tiers)]
    return [] if price is None else [price]


def _in_tier(price: Decimal | TieredPrices, above: int) -> Decimal:
    if isinstance(price, Decimal):
        return price
    reached = [tier.price for tier in price.tiers if 0 < tier.start <= above]
    return reached[-1] if reached else price.base


# Names come from traffic, so that there is no end to them.
_MOST_NAMES = 10_000


class Catalogue:
    """One edition of the catalogue; finds models by what providers call them."""

    def __init__(self, source: str, digest: UUID, providers: list[Provider]) -> None:
        self.source, self.digest = source, digest
        self._snapshot = DataSnapshot(providers, from_auto_update=False)
        self._times = sorted(_times_of_day(providers))
        # Pages that list models look each of them up in every request.
        self.find = lru_cache(_MOST_NAMES)(self._find)
        self._latest_start = lru_cache(1)(self._read_latest_start)

    def has_provider(self, name: str) -> str | None:
        """The catalogue's name of a provider known by this one; None if it has none."""
        found = find_provider_by_id(self._snapshot.providers, name) if name else None
        return found.id if found else None

    def _find(self, provider: str | None, name: str) -> CatalogueModel | None:
        """The model of a name at a provider, or at the one whose models are named like this."""
        try:
            return CatalogueModel(*self._snapshot.find_provider_model(name, None, provider, None))
        except LookupError:
            return None

    def get(self, reference: str) -> CatalogueModel | None:
        """The model of a `provider/model`, by its exact names."""
        provider_id, _, model_id = reference.partition("/")
        return next(
            (
                CatalogueModel(provider, model)
                for provider in self._snapshot.providers
                if provider.id == provider_id
                for model in provider.models
                if model.id == model_id
            ),
            None,
        )

    def models(self) -> Iterator[CatalogueModel]:
        """Every model of every provider."""
        for provider in self._snapshot.providers:
            for model in provider.models:
                yield CatalogueModel(provider, model)

    def latest_change(self, now: datetime) -> datetime | None:
        """The day of the newest change of a price that holds already."""
        first = self._latest_start(now.astimezone(UTC).date())
        return datetime.combine(first, time(), UTC) if first else None

    def _read_latest_start(self, today: date) -> date | None:
        starts = (
            constraint.start_date
            for model in self.models()
            for constraint in _constraints(model.info)
            if isinstance(constraint, StartDateConstraint) and constraint.start_date <= today
        )
        return max(starts, default=None)

    @property
    def times_of_day(self) -> list[time]:
        """The times (UTC) at which some price of a day ends and another begins."""
        return self._times

    def part_of_day(self, at: datetime) -> int:
        """Which of the parts between `times_of_day` an instant lies in."""
        return bisect_right(self._times, at.astimezone(UTC).time())


def _constraints(model: ModelInfo) -> Iterator[object]:
    listed = model.prices if isinstance(model.prices, list) else []
    yield from (one.constraint for one in (*listed, *(model.price_variants or ())))


def _times_of_day(providers: list[Provider]) -> set[time]:
    constraints = (
        constraint
        for provider in providers
        for model in provider.models
        for constraint in _constraints(model)
        if isinstance(constraint, TimeOfDateConstraint)
    )
    return {
        datetime.combine(datetime(2000, 1, 1, tzinfo=UTC), end, end.tzinfo or UTC)
        .astimezone(UTC)
        .time()
        for constraint in constraints
        for end in (constraint.start_time, constraint.end_time)
    }


@cache
def shipped() -> Catalogue:
    """The edition that the installed package has."""
    from genai_prices.data import providers

    digest = half_digest(files("genai_prices").joinpath("data.py").read_bytes())
    return Catalogue(f"genai-prices {genai_prices.__version__}", digest, providers)


@cache
def stored(source: str, digest: UUID, data: bytes) -> Catalogue:
    """An edition from the bytes of `packed`. Raises ValueError if it is none."""
    return Catalogue(source, digest, _providers_from_raw(json.loads(zlib.decompress(data))))
