"""How the cost of one event came about: what of it, at which rate, under which price version."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from monitoring.web.formats import money
from usage.costs.rates import shown_dollars
from usage.models import PriceVersion

_KINDS = (
    (_("Input"), "input"),
    (_("Cache read"), "cache_read"),
    (_("Cache write"), "cache_write"),
    (_("Output"), "output"),
    (_("Reasoning"), "reasoning"),
)
_OF_EVENT = {"cache_read": "cacheRead", "cache_write": "cacheWrite"}


@dataclass(frozen=True)
class Line:
    """One kind: nano-dollars, and dollars per million tokens by the price list and as paid."""

    label: str
    cost: int | None
    listed: str
    paid: str


@dataclass(frozen=True)
class EventPrice:
    """The version, and its kinds; reasoning only where it is billed apart."""

    version: PriceVersion
    lines: Sequence[Line]


def price_of(event: dict[str, Any]) -> EventPrice | None:
    """The price of an event's public fields; None where it has none."""
    version = PriceVersion.objects.filter(pk=event["priceVersion"]).first()
    if version is None:
        return None
    lines = [
        Line(
            gettext(label),
            event["cost"][_OF_EVENT.get(name, name)],
            money("$", shown_dollars(listed)),
            money("$", shown_dollars(paid)),
        )
        for label, name in _KINDS
        if (listed := getattr(version, f"list_{name}")) is not None
        and (paid := getattr(version, f"paid_{name}")) is not None
    ]
    return EventPrice(version, lines)
