"""From traffic at an instant to the versions of its price.

    provider, model --own match or names--> model of the catalogue --day, part of day, tier-->
    list rates --own price, discount, flat rate--> paid rates --digest--> version (a row)

A book is one state of catalogue and own prices; it never changes. `PriceBook.newest` reads the
present one. The same traffic, instant and book always give the same version, by which the ingest
and a recomputation agree.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.db.models import Max
from django.utils import timezone

from usage.costs import editions
from usage.costs.catalogue import Catalogue, CatalogueModel, Step
from usage.costs.digests import half_digest
from usage.costs.names import Match, match
from usage.costs.own_prices import Kind, OwnPrices, Traffic
from usage.costs.rates import FREE, Rates
from usage.costs.tiers import billed_tier
from usage.models import OwnPrice, PriceVersion

_MOST_NAMES = 10_000


class Moment(NamedTuple):
    """Instants between which no price changes."""

    utc_day: date
    own_day: date
    part_of_day: int


class Terms(NamedTuple):
    """Everything that makes a price version what it is."""

    catalogue_model: str
    service_tier: str
    above_input_tokens: int
    own_prices: tuple[int, ...]
    listed: Rates
    paid: Rates

    @property
    def digest(self) -> bytes:
        """What is hashed."""
        return repr(tuple(self)).encode()


@dataclass(frozen=True)
class Price:
    """The version of requests with more input tokens than `above`."""

    above: int
    version: int


class PriceBook:
    """One state of catalogue and own prices."""

    def __init__(self, catalogue: Catalogue, own_prices: OwnPrices, state: object = None) -> None:
        self.catalogue, self.own_prices, self.state = catalogue, own_prices, state
        self.match_of = lru_cache(_MOST_NAMES)(self._match_of)
        self._steps_of = lru_cache(_MOST_NAMES)(self._read_steps)
        self._layers_of = lru_cache(_MOST_NAMES)(self._read_layers)
        self._versions: dict[Terms, int] = {}

    @classmethod
    def newest(cls) -> "PriceBook":
        """The present state, from the database."""
        state = present_state()
        return cls(editions.in_force(), OwnPrices(OwnPrice.objects.all()), state)

    def moment_of(self, at: datetime) -> Moment:
        """The moment of an instant."""
        own_day = timezone.localtime(at, timezone.get_default_timezone()).date()
        return Moment(at.astimezone(UTC).date(), own_day, self.catalogue.part_of_day(at))

    def changes_between(self, start: datetime, end: datetime) -> list[datetime]:
        """The instants after `start` and before `end` at which a price can change, ascending."""
        zone = timezone.get_default_timezone()
        days = [
            start.astimezone(UTC).date() + timedelta(days=n)
            for n in range(-1, (end - start).days + 3)
        ]
        instants = {
            datetime.combine(day, at, UTC)
            for day in days
            for at in (time(), *self.catalogue.times_of_day)
        } | {datetime.combine(day, time(), zone).astimezone(UTC) for day in days}
        return sorted(instant for instant in instants if start < instant < end)

    def terms(self, traffic: Traffic, at: datetime, tier: str) -> list[Terms]:
        """What traffic costs at an instant, by context length, shortest first; empty if it has no
        price. `tier` is as the provider reported it."""
        moment = self.moment_of(at)
        layers = self._layers_of(traffic, moment.own_day)
        model = self._model(traffic, layers["match"])
        tier = billed_tier(tier)
        steps = self._steps_of(model, moment.utc_day, moment.part_of_day, tier) if model else ()
        ids = tuple(price.pk for price in layers.values() if price)
        if not steps and (own := layers["price"]):
            steps = (Step(0, rates_of(own), rates_of(own).cache_write),)
            model = None
        reference = model.reference if model else ""
        return [
            Terms(reference, tier, step.above, ids, *_listed_and_paid(step, layers))
            for step in steps
        ]

    def prices(self, traffic: Traffic, at: datetime, tier: str) -> tuple[Price, ...]:
        """The versions of what traffic costs, longest context first, making rows that do not exist
        yet; empty if it has no price."""
        found = (
            Price(terms.above_input_tokens, self._version_of(terms))
            for terms in self.terms(traffic, at, tier)
        )
        return tuple(sorted(found, key=lambda price: -price.above))

    def _model(self, traffic: Traffic, own: OwnPrice | None) -> CatalogueModel | None:
        if own is not None:
            return self.catalogue.get(own.catalogue_model)
        found = self.match_of(traffic.provider, traffic.model)
        return found.model if found else None

    def _match_of(self, provider: str, model: str) -> Match | None:
        return match(self.catalogue, provider, model)

    def _read_layers(self, traffic: Traffic, day: date) -> dict[str, OwnPrice | None]:
        layers = ("match", "cache", "price", "adjustment")
        return {layer: self.own_prices.of(layer, traffic, day) for layer in layers}

    def _read_steps(
        self, model: CatalogueModel, day: date, part_of_day: int, tier: str
    ) -> tuple[Step, ...]:
        starts = (time(), *self.catalogue.times_of_day)
        return model.steps(datetime.combine(day, starts[part_of_day], UTC), tier)

    def _version_of(self, terms: Terms) -> int:
        if terms not in self._versions:
            self._versions[terms] = _row_of(terms, self.catalogue.source)
        return self._versions[terms]


def rates_of(own: OwnPrice) -> Rates:
    """The rates of an own price; cached tokens cost as input where it has none for them."""
    plain = own.input_rate or 0
    read, write = own.cache_read_rate, own.cache_write_rate
    return Rates(
        plain,
        plain if read is None else read,
        plain if write is None else write,
        own.output_rate or 0,
        own.reasoning_rate,
    )


def _listed_and_paid(step: Step, layers: dict[str, OwnPrice | None]) -> tuple[Rates, Rates]:
    listed = step.rates
    if layers["cache"]:
        listed = listed._replace(cache_write=step.hour_cache_write)
    paid = rates_of(own) if (own := layers["price"]) else listed
    adjustment = layers["adjustment"]
    if adjustment and adjustment.kind == Kind.FLAT:
        return listed, FREE
    if adjustment and adjustment.percent is not None:
        return listed, paid.less(adjustment.percent)
    return listed, paid


def _row_of(terms: Terms, source: str) -> int:
    sides = {
        f"{side}_{kind}": rate
        for side, rates in (("list", terms.listed), ("paid", terms.paid))
        for kind, rate in rates._asdict().items()
    }
    row, _ = PriceVersion.objects.get_or_create(
        digest=half_digest(terms.digest),
        defaults={
            "source": source,
            "catalogue_model": terms.catalogue_model,
            "service_tier": terms.service_tier,
            "above_input_tokens": terms.above_input_tokens,
            "own_prices": list(terms.own_prices),
            **sides,
        },
    )
    return int(row.pk)


def present_state() -> object:
    """Equal as long as catalogue and own prices are the same."""
    own = OwnPrice.objects.aggregate(last=Max("pk"), changed=Max("changed_at"))
    return editions.newest_id(), OwnPrice.objects.count(), own["last"], own["changed"]
