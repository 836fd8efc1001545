"""What the same tokens would have cost at another model's list prices."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from usage.costs.price_book import PriceBook
from usage.costs.rates import Rates
from usage.history.dimensions import Dimension, Filters
from usage.history.measures import Counts, counts
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.source_sql import COUNTS
from usage.history.windows import Period

_HALF = 500
_PICO_A_NANO = 1000


@dataclass(frozen=True)
class WhatIf:
    """Of one model's traffic: what it cost, and what it would have cost, in nano-dollars; None
    without a price, or of tokens that no kind was reported of."""

    model: str
    used: Counts
    cost: int | None
    other: int | None

    @property
    def difference(self) -> int | None:
        """By how much the other costs more; None where one of them is unknown."""
        return None if self.cost is None or self.other is None else self.other - self.cost


@dataclass(frozen=True)
class Other:
    """The model whose prices are applied: its rates of today, and from how many input tokens on it
    has others, 0 if it has none."""

    reference: str
    rates: Rates
    long_context_above: int


def other_model(book: PriceBook, reference: str, now: datetime) -> Other | None:
    """A model of the catalogue with its standard rates; None if it has none."""
    model = book.catalogue.get(reference)
    steps = model.steps(now, "") if model else ()
    if not steps:
        return None
    return Other(reference, steps[0].rates, steps[1].above if len(steps) > 1 else 0)


def what_if(period: Period, scope: Scope, filters: Filters, other: Other) -> list[WhatIf]:
    """Each model of the period, most attempts first. Raises InvalidQuery."""
    rows = Query([period], scope, filters, (Dimension.MODEL,)).sums(COUNTS)
    return [_model(row["group_1"], counts(row), other) for row in rows]


def _model(model: str, used: Counts, other: Other) -> WhatIf:
    return WhatIf(model, used, used.cost_nano_usd, cost_at(used, other.rates))


def cost_at(used: Counts, rates: Rates) -> int | None:
    """What tokens would cost at some rates, by kind as ingest does it, but rounded once a kind."""
    if used.total_tokens and used.input_tokens + used.output_tokens == 0:
        return None
    reasoning = rates.output if rates.reasoning is None else rates.reasoning
    kinds = (
        (used.uncached_input_tokens, rates.input),
        (used.cache_read_tokens, rates.cache_read),
        (used.cache_write_tokens, rates.cache_write),
        (used.non_reasoning_output_tokens, rates.output),
        (used.reasoning_tokens, reasoning),
    )
    requests = (used.attempts if used.total_tokens else 0) * rates.request
    return requests + sum(((tokens or 0) * rate + _HALF) // _PICO_A_NANO for tokens, rate in kinds)


def total(models: Sequence[WhatIf]) -> tuple[int | None, int | None]:
    """What all cost and would have cost, over the models of which both are known."""
    known = [row for row in models if row.difference is not None]
    if not known:
        return None, None
    return sum(row.cost or 0 for row in known), sum(row.other or 0 for row in known)
