"""Which of the operator's own prices holds for some traffic on a day; pure.

There are four layers, each with at most one own price that counts: which model of the catalogue it
is, how long cache writes live, what the model costs, and what is taken off that. Of the prices of a
layer that are in force and whose scope has the traffic, the one with the narrowest scope counts:
client key before user before credential before provider before all, then a model's name before a
pattern, then the longer pattern.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache

from usage.costs.digests import half_digest
from usage.models import OwnPrice

Kind = OwnPrice.Kind
LAYERS = {
    Kind.MATCH: "match",
    Kind.HOUR_CACHE: "cache",
    Kind.PRICE: "price",
    Kind.DISCOUNT: "adjustment",
    Kind.FLAT: "adjustment",
}


@dataclass(frozen=True)
class Traffic:
    """What a price can depend on, beside the day and the tier."""

    provider: str
    model: str
    credential: int | None = None
    client_key: int | None = None
    user: int | None = None


def scope_digest(price: OwnPrice) -> int:
    """A number for the layer and scope of an own price: two of the same number must not overlap."""
    scope = (
        LAYERS[Kind(price.kind)],
        price.provider.lower(),
        price.model.lower(),
        price.credential_id,
        price.client_key_id,
        price.user_id,
    )
    return half_digest(repr(scope).encode()).int >> 66


class OwnPrices:
    """The own prices that there are."""

    def __init__(self, prices: Iterable[OwnPrice]) -> None:
        self._layers: dict[str, list[OwnPrice]] = {layer: [] for layer in LAYERS.values()}
        for price in sorted(prices, key=_narrowness, reverse=True):
            self._layers[LAYERS[Kind(price.kind)]].append(price)
        every = [price for layer in self._layers.values() for price in layer]
        self.by_user = any(price.user_id for price in every)
        self.by_party = self.by_user or any(p.client_key_id or p.credential_id for p in every)

    def of(self, layer: str, traffic: Traffic, day: date) -> OwnPrice | None:
        """The one of a layer that counts for traffic on a day of the installation's zone."""
        return next(
            (
                price
                for price in self._layers[layer]
                if in_force(price, day) and covers(price, traffic)
            ),
            None,
        )


def in_force(price: OwnPrice, day: date) -> bool:
    """Whether an own price holds on a day."""
    return price.holds_from <= day and (price.holds_until is None or day < price.holds_until)


def covers(price: OwnPrice, traffic: Traffic) -> bool:
    """Whether traffic is in the scope of an own price."""
    return (
        price.client_key_id in (None, traffic.client_key)
        and price.user_id in (None, traffic.user)
        and price.credential_id in (None, traffic.credential)
        and price.provider.lower() in ("", traffic.provider.lower())
        and (not price.model or _fits(price.model.lower(), traffic.model.lower()))
    )


@lru_cache(maxsize=4096)
def _fits(pattern: str, name: str) -> bool:
    # Only * is special.
    return fnmatchcase(name, pattern.replace("[", "[[]").replace("?", "[?]"))


def _narrowness(price: OwnPrice) -> tuple[object, ...]:
    model = price.model
    return (
        price.client_key_id is not None,
        price.user_id is not None,
        price.credential_id is not None,
        bool(price.provider),
        bool(model) and "*" not in model,
        len(model.replace("*", "")),
        -(price.pk or 0),
    )
