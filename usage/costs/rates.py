"""Rates and costs: integers from end to end.

A rate is in pico-dollars a token (a dollar per million tokens is a million of them), a cost in
nano-dollars. The cost of each kind of an event's tokens is rounded once, half up, to a whole
nano-dollar; everything beyond is a sum of these. A cost is rounded to cents only where it is shown.

The formula exists once, as SQL over an event and its price version, and serves the ingest and every
recomputation.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from usage.models import COST_KINDS
from usage.models.prices import LARGEST_RATE, MOST_TOKENS, RATE_KINDS

_PICO_A_DOLLAR_PER_MILLION = 10**6
# Columns of an event that its price version decides.
COST_COLUMNS = (*COST_KINDS, "reasoning_cost", "list_cost", "cache_savings")
_COUNTS = (
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
)
_RATES = ", ".join(
    f"{side}_{kind}" for side in ("list", "paid") for kind in (*RATE_KINDS, "request")
)
# What the formula needs of price versions, under names that no event has.
VERSIONS_SQL = f"(SELECT id AS version_id, {_RATES} FROM usage_priceversion)"


class Rates(NamedTuple):
    """Pico-dollars a token by kind, reasoning None where it is billed as output; and nano-dollars a
    request."""

    input: int
    cache_read: int
    cache_write: int
    output: int
    reasoning: int | None = None
    request: int = 0

    def less(self, percent: Decimal) -> "Rates":
        """The rates with a discount, each rounded half to even."""
        share = (100 - percent) / 100
        return Rates(*(None if rate is None else _whole(rate * share) for rate in self))  # type: ignore[arg-type]


FREE = Rates(0, 0, 0, 0)


def rate_of(dollars: Decimal) -> int:
    """The rate of a price in dollars per million tokens. Raises ValueError if it is none that can
    be paid."""
    rate = _whole(dollars * _PICO_A_DOLLAR_PER_MILLION)
    if not 0 <= rate <= LARGEST_RATE:
        raise ValueError(f"{dollars} dollars per million tokens")
    return rate


def dollars_of(rate: int) -> Decimal:
    """The dollars per million tokens of a rate."""
    return Decimal(rate) / _PICO_A_DOLLAR_PER_MILLION


def shown_dollars(rate: int) -> str:
    """The same as digits, of which two at least are cents: 2.00, 0.2574."""
    dollars, _, cents = f"{dollars_of(rate).normalize():f}".partition(".")
    return f"{dollars}.{cents:0<2}"


def _whole(number: Decimal) -> int:
    return int(number.to_integral_value(ROUND_HALF_EVEN))


def priceable_sql(event: str) -> str:
    """Whether an event's tokens can be priced: classified, consistent, and within reason. Never
    true of counts that were not reported."""
    most = ", ".join(f"{event}.{name}" for name in _COUNTS)
    return (
        f"{event}.unclassified_tokens = 0 AND {event}.token_quality <> 'inconsistent'"
        f" AND {event}.total_tokens IS NOT NULL AND greatest({most}) <= {MOST_TOKENS}"
    )


def cost_columns_sql(event: str, version: str) -> dict[str, str]:
    """The SQL of `COST_COLUMNS` of an event under a version; NULL where the version is NULL."""
    paid, listed = (_kinds(event, version, side) for side in ("paid", "list"))
    cached = f"{event}.cache_read_tokens + {event}.cache_write_tokens"
    as_input = _cost(f"({cached})", f"{version}.paid_input")
    return {
        **paid,
        "list_cost": " + ".join(
            f"coalesce({sql}, 0)" if name == "reasoning_cost" else sql
            for name, sql in listed.items()
        ),
        "cache_savings": f"{as_input} - {paid['cache_read_cost']} - {paid['cache_write_cost']}",
    }


def _kinds(event: str, version: str, side: str) -> dict[str, str]:
    rate = f"{version}.{side}_"
    has_tokens = f"CASE WHEN {event}.total_tokens > 0 THEN {rate}request ELSE 0 END"
    as_output = f"CASE WHEN {rate}reasoning IS NULL THEN {event}.reasoning_tokens ELSE 0 END"
    output = f"({event}.non_reasoning_output_tokens + {as_output})"
    return {
        "input_cost": f"({_cost(f'{event}.uncached_input_tokens', f'{rate}input')} + {has_tokens})",
        "cache_read_cost": _cost(f"{event}.cache_read_tokens", f"{rate}cache_read"),
        "cache_write_cost": _cost(f"{event}.cache_write_tokens", f"{rate}cache_write"),
        "output_cost": _cost(output, f"{rate}output"),
        "reasoning_cost": _cost(f"{event}.reasoning_tokens", f"{rate}reasoning"),
    }


def _cost(tokens: str, rate: str) -> str:
    return f"(({tokens} * {rate} + 500) / 1000)"
