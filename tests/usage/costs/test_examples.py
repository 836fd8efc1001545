"""What is stored for a request is what its provider bills, to the nano-dollar."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from tests.factories import make_event, make_upstream, own_price, store
from tests.usage.costs.examples import EXAMPLES, Example
from usage.models import DeadLetter, UsageEvent

pytestmark = pytest.mark.django_db


def breakdown(uncached: int, read: int, write: int, output: int, reasoning: int) -> dict[str, Any]:
    return {
        "quality": "complete",
        "total_tokens": uncached + read + write + output + reasoning,
        "unclassified_tokens": 0,
        "input": {
            "uncached_tokens": uncached,
            "cache_read_tokens": read,
            "cache_write_tokens": write,
        },
        "output": {"non_reasoning_tokens": output, "reasoning_tokens": reasoning},
    }


def stored(example: Example) -> UsageEvent:
    if example.hour:
        own_price("hour_cache")
    store(
        make_upstream(),
        make_event(
            provider=example.provider,
            model=example.model,
            timestamp=example.at,
            service_tier=example.requested,
            response_service_tier=example.tier,
            token_breakdown=breakdown(*example.tokens),
        ),
    )
    return UsageEvent.objects.get()


def cost(tokens: int, dollars_per_million: str) -> int:
    exact = Decimal(tokens) * Decimal(dollars_per_million) * 1000
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.what)
def test_an_event_costs_what_the_example_works_out(example):
    uncached, read, write, output, reasoning = example.tokens
    of_input, of_read, of_write, of_output, *apart = example.rates.split()
    event = stored(example)
    assert event.input_cost == cost(uncached, of_input) + (
        int(Decimal(example.fee) * 10**9) if sum(example.tokens) else 0
    )
    assert event.cache_read_cost == cost(read, of_read)
    assert event.cache_write_cost == cost(write, of_write)
    assert event.output_cost == cost(output if apart else output + reasoning, of_output)
    assert event.reasoning_cost == (cost(reasoning, apart[0]) if apart else None)
    kinds = (event.input_cost, event.cache_read_cost, event.cache_write_cost, event.output_cost)
    assert sum(kinds) + (event.reasoning_cost or 0) == int(Decimal(example.dollars) * 10**9)
    assert event.list_cost == int(Decimal(example.dollars) * 10**9)
    assert event.cache_savings == cost(read + write, of_input) - cost(read, of_read) - cost(
        write, of_write
    )


def test_every_example_names_its_source():
    assert len(EXAMPLES) >= 60
    assert len({example.what for example in EXAMPLES}) == len(EXAMPLES)
    assert all(example.source for example in EXAMPLES)


LARGE = 10**15
WITHOUT_A_COST = {
    "counts below zero": {"token_breakdown": None, "tokens": {"input_tokens": -5}},
    "counts below zero whose sum is nothing": {
        "token_breakdown": None,
        "tokens": {"input_tokens": -5, "output_tokens": 5, "total_tokens": 0},
    },
    "no counts at all": {"token_breakdown": None, "tokens": {}},
    "a total that is not told apart": {
        "token_breakdown": {
            **breakdown(0, 0, 0, 0, 0),
            "quality": "unclassified",
            "total_tokens": 900,
            "unclassified_tokens": 900,
        }
    },
    "more tokens than any request has": {"token_breakdown": breakdown(LARGE, 0, 0, 0, 0)},
    "a part that is larger than the total": {
        "token_breakdown": {**breakdown(0, 0, 0, LARGE, 0), "total_tokens": 1}
    },
    "an unknown model": {"model": "my-own-llama", "alias": "gpt-5.4"},
    "a preview without a price": {"model": "gpt-5.3-codex-spark"},
}


@pytest.mark.parametrize("fields", WITHOUT_A_COST.values(), ids=WITHOUT_A_COST)
def test_what_cannot_be_priced_has_no_cost_instead_of_none(fields):
    store(make_upstream(), make_event(**fields))
    event = UsageEvent.objects.get()
    assert (event.price_version, event.input_cost, event.output_cost) == (None, None, None)
    assert (event.list_cost, event.cache_savings) == (None, None)
    assert not DeadLetter.objects.exists()


def test_an_old_event_without_a_breakdown_is_priced_by_its_completed_counts():
    tokens = {"input_tokens": 9, "output_tokens": 640, "reasoning_tokens": 200}
    cached = {"cached_tokens": 18342, "cache_creation_tokens": 0, "total_tokens": 649}
    store(
        make_upstream(),
        make_event(
            provider="claude",
            model="claude-sonnet-4-6",
            token_breakdown=None,
            tokens=tokens | cached,
        ),
    )
    event = UsageEvent.objects.get()
    assert event.input_cost == 9 * 3000
    assert event.cache_read_cost == 18342 * 300
    assert event.output_cost == 640 * 15000


def test_a_failed_attempt_costs_its_tokens():
    store(make_upstream(), make_event(failed=True))
    assert UsageEvent.objects.get().input_cost == 60 * 2500
