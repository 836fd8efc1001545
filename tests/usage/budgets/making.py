"""Budgets for tests, and usage that counts for them."""

from datetime import UTC, datetime
from typing import Any

from tests.factories import make_event, own_price, store
from usage.budgets.evaluation import evaluate_levels
from usage.budgets.spending import Keys
from usage.budgets.standings import Standing, standings
from usage.models import Budget

# A Friday.
NOW = datetime(2026, 10, 16, 12, 30, tzinfo=UTC)
NANO = 10**9


def make_budget(name: str = "Team A", **fields: Any) -> Budget:
    """A budget of everything, 1,000 tokens a month that warns at half, unless fields say else."""
    given = {"scope": "all", "unit": "tokens", "period": "month", "limit": 1000, "warn_at": [50]}
    return Budget.objects.create(name=name, **{**given, **fields})


def use(upstream: Any, tokens: int, at: datetime = NOW, **fields: Any) -> None:
    """One attempt with so many tokens, a millionth of a dollar each, by key `sk-client-team-a`."""
    if not tokens:
        return
    breakdown = {
        "schema_version": 2,
        "quality": "complete",
        "total_tokens": tokens,
        "input": {
            "total_tokens": tokens,
            "uncached_tokens": tokens,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
        },
        "output": {"total_tokens": 0, "non_reasoning_tokens": 0, "reasoning_tokens": 0},
        "unclassified_tokens": 0,
    }
    counts = {"input_tokens": tokens, "output_tokens": 0, "total_tokens": tokens}
    given = {"model": "mine", "token_breakdown": breakdown, "tokens": counts, "timestamp": at}
    store(upstream, make_event(**{**given, **fields}))


def price_mine() -> None:
    """A dollar per million tokens of the model `mine`."""
    own_price("price", model="mine", input_rate=1_000_000, output_rate=1_000_000)


def stand(budget: Budget, now: datetime = NOW) -> Standing:
    """How one budget stands."""
    (found,) = standings([budget], Keys.read(), now)
    return found


def levels(now: datetime = NOW) -> tuple[int, int]:
    """Evaluate; the levels newly reached, and left."""
    _, reached, left = evaluate_levels(Keys.read(), now)
    return reached, left
