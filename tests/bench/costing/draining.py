"""Drains with pricing and, in turn, by a collector that leaves it out."""

import json
import statistics
import subprocess
import sys

from tests.bench.ingest import assert_sums_equal, stage
from tests.bench.report import Row
from tests.processes import PROJECT

_COLLECTORS = {True: ["manage.py"], False: ["-m", "tests.bench.costing.without_prices"]}


def draining(turns: int, events: int) -> list[Row]:
    """The median rate of either, and of their ratios in each turn."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    with stage() as (environment, simulator):
        _price_every_model()
        for turn in range(turns + 1):
            for with_prices in (turn % 2 == 0, turn % 2 == 1):
                simulator.control("generate", {"events": events, "spread": 86_400})
                rates[with_prices].append(_drained(with_prices, environment, events))
        assert_sums_equal(2 * (turns + 1) * events)
        # Every other drain, but for what is not classified.
        assert (turns + 1) * events * 0.5 < _priced() <= (turns + 1) * events
    # The first turn finds an empty database and has partitions and plans to make.
    ratios = [priced / plain for priced, plain in zip(rates[True], rates[False], strict=True)][1:]
    medians = [statistics.median(rates[kind][1:]) for kind in (True, False)]
    figures = f"{medians[0]:,.0f} events/s with pricing, {medians[1]:,.0f} without"
    what = f"drains of {events:,}, {turns} turns: {figures}"
    return [[what, f"{statistics.median(ratios):.2f} times", "0.90 at least"]]


def _price_every_model() -> None:
    from tests.factories import own_price

    own_price("match", model="*", catalogue_model="openai/gpt-5.4")


def _drained(with_prices: bool, environment: dict[str, str], events: int) -> float:
    command = [sys.executable, *_COLLECTORS[with_prices], "collect_usage", "--json"]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    run = json.loads(done.stdout)
    assert run["stored"] == events, run
    return float(events / run["durationMs"] * 1000)


def _priced() -> int:
    from usage.models import UsageEvent

    return UsageEvent.objects.exclude(price_version=None).count()
