"""Drains with pricing and, in turn, by a collector that leaves it out.

CPU seconds are those of the collector and of the database's processes that ended with it; unlike
the rate they say something on a machine that has other work, too.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
from pathlib import Path

from tests.bench.ingest import assert_sums_equal, stage
from tests.bench.report import Row
from tests.processes import PROJECT

_COLLECTORS = {True: ["manage.py"], False: ["-m", "tests.bench.costing.without_prices"]}


def draining(turns: int, events: int) -> list[Row]:
    """The medians of either, and of their ratios in each turn: events a second, and CPU seconds."""
    rates: dict[bool, list[float]] = {True: [], False: []}
    spent: dict[bool, list[float]] = {True: [], False: []}
    with stage() as (environment, simulator):
        _price_every_model()
        for turn in range(turns + 1):
            for with_prices in (turn % 2 == 0, turn % 2 == 1):
                simulator.control("generate", {"events": events, "spread": 86_400})
                before = _cpu_seconds()
                rates[with_prices].append(_drained(with_prices, environment, events))
                spent[with_prices].append(_cpu_seconds() - before)
        assert_sums_equal(2 * (turns + 1) * events)
        # Every other drain, but for what is not classified.
        assert (turns + 1) * events * 0.5 < _priced() <= (turns + 1) * events
    what = f"drains of {events:,}, {turns} turns:"
    return [
        _row(f"{what} events/s", rates, "0.90 at least"),
        _row(f"{what} CPU seconds", spent, "1.10 at most"),
    ]


def _row(what: str, figures: dict[bool, list[float]], wanted: str) -> Row:
    # The first turn finds an empty database and has partitions and plans to make.
    priced, plain = figures[True][1:], figures[False][1:]
    ratio = statistics.median(one / other for one, other in zip(priced, plain, strict=True))
    medians = f"{statistics.median(priced):,.2f} with pricing, {statistics.median(plain):,.2f}"
    return [f"{what}: {medians} without", f"{ratio:.2f} times", wanted]


def _cpu_seconds() -> float:
    """What the ended children of this process and of the database server have spent so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime + _of_ended_backends()


def _of_ended_backends() -> float:
    from django.conf import settings

    pid = Path(settings.VAR_DIR, "postgres", "postmaster.pid").read_text().split()[0]
    # See proc(5): the fields after the name in parentheses begin with the third.
    fields = Path("/proc", pid, "stat").read_text().rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")


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
