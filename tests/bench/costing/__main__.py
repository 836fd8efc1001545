"""What recomputing costs takes: `make bench-costs`.

On the reference dataset, whose models are priced like real ones first: the fill after an upgrade,
a preview in which nothing changes, and a change of every cost.
"""

import argparse
import time
from datetime import timedelta

from tests.bench.arena import arena
from tests.bench.report import Row, table, write_section

_LIKE = (
    "openai/gpt-5.4",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-2.5-pro",
    "openai/gpt-5-mini",
)


def _price_the_models() -> None:
    from tests.factories import own_price

    for number in range(50):
        reference = _LIKE[number % len(_LIKE)]
        own_price("match", model=f"model-{number:02d}", catalogue_model=reference)


def _recompute(what: str, *, apply: bool) -> Row:
    from django.utils import timezone

    from usage.upkeep import recompute
    from usage.upkeep.rebuild import differences

    today = timezone.localdate()
    started = time.monotonic()
    made = recompute.request(today - timedelta(days=120), today, (), None)
    if apply:
        type(made).objects.filter(pk=made.pk).update(status="applying")
        made.refresh_from_db()
    recompute.carry_on(made)
    elapsed = time.monotonic() - started
    assert differences(made.start, made.end) == []
    rate = f"{elapsed:,.0f} s, {made.events / elapsed:,.0f} events/s"
    return [f"{what}: {made.changed:,} of {made.events:,} change", rate, "5 min for 3.2 million"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stored", type=int, default=3_205_740)
    options = parser.parse_args()
    with arena(options.stored):
        _price_the_models()
        rows = [
            _recompute("first costs of all events", apply=True),
            _recompute("a preview in which nothing changes", apply=False),
        ]
        from tests.factories import own_price

        own_price("discount", percent=10)
        rows.append(_recompute("another price for all events", apply=True))
    body = table(["what", "measured", "target"], rows)
    write_section("Recomputing costs", "make bench-costs", body)


if __name__ == "__main__":
    main()
