"""The rates that are read from the package give the sums that the package itself works out."""

import random
import warnings
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from genai_prices import Usage

from usage.costs.catalogue import CatalogueModel, Step, shipped
from usage.costs.tiers import CONTEXTS

FIRST, LAST = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 2, 1, tzinfo=UTC)


def ours(step: Step, uncached: int, read: int, write: int, output: int, reasoning: int) -> Decimal:
    rates = step.rates
    apart = rates.output if rates.reasoning is None else rates.reasoning
    pico = (
        uncached * rates.input
        + read * rates.cache_read
        + write * rates.cache_write
        + output * rates.output
        + reasoning * apart
    )
    return Decimal(pico) / 10**12 + Decimal(rates.request) / 10**9


def theirs(
    model: CatalogueModel, at: datetime, tier: str, counts: tuple[int, int, int, int, int]
) -> Decimal:
    uncached, read, write, output, reasoning = counts
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        usage = Usage(
            input_tokens=uncached + read + write,
            cache_read_tokens=read,
            cache_write_tokens=write,
            output_tokens=output + reasoning,
            output_reasoning_tokens=reasoning,
        )
    context = CONTEXTS[tier]
    return model.info.calc_price(
        usage, model.provider, genai_request_timestamp=at, price_context=context
    ).total_price


def test_every_model_at_any_time_in_any_tier_costs_what_the_package_says():
    chance, checked = random.Random(16), 0
    for model in shipped().models():
        # What these draw or speak is told apart here, which needs counts that events have not.
        if "image" in model.info.id or "audio" in model.info.id:
            continue
        at = FIRST + (LAST - FIRST) * chance.random()
        tier = chance.choice(list(CONTEXTS))
        counts = tuple(chance.randrange(chance.choice((100, 400_000))) for _ in range(5))
        long = sum(counts[:3])
        steps = [step for step in model.steps(at, tier) if long > step.above or not step.above]
        if steps:
            difference = ours(steps[-1], *counts) - theirs(model, at, tier, counts)
            # A rate is whole in pico-dollars.
            assert abs(difference) <= Decimal(sum(counts)) / 10**12, model.reference
            checked += 1
    assert checked > 1500


def test_prices_change_on_their_day_and_at_their_hour():
    flash = shipped().find("deepseek", "deepseek-v4-flash")
    assert flash is not None
    rates = [
        flash.steps(datetime(2026, 11, 20, 0, 59, tzinfo=UTC) + timedelta(minutes=n), "")[0].rates
        for n in (0, 1)
    ]
    assert [rate.input for rate in rates] == [150_000, 300_000]


def test_models_that_are_not_sold_by_tokens_have_no_price():
    whisper = shipped().find("groq", "whisper-large-v3")
    assert whisper is not None
    assert whisper.steps(LAST, "") == ()


def test_the_age_of_the_catalogue_is_that_of_its_newest_price():
    now = datetime(2026, 11, 28, tzinfo=UTC)
    changed = shipped().latest_change(now)
    assert changed is not None
    assert now - timedelta(days=60) < changed <= now
