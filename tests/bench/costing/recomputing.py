"""Recomputations of the whole reference dataset: alone, beside live collection, and after an
upgrade."""

import time
from datetime import timedelta

from tests.bench.arena import arena
from tests.bench.ingest import assert_sums_equal, rolled_up, stage
from tests.bench.report import Row
from tests.bench.watch import collector_loop

_LIKE = (
    "openai/gpt-5.4",
    "anthropic/claude-sonnet-4-5",
    "google/gemini-2.5-pro",
    "openai/gpt-5-mini",
)
_WANTED = "5 min for 3.2 million"
# The last migration of a version without costs.
_BEFORE_COSTS = "0016_quiet_looks"


def alone(stored: int) -> list[Row]:
    """The first costs of all, a preview in which nothing changes, and another price for all."""
    with arena(stored):
        price_the_models()
        rows = [
            recomputed("first costs of all events", apply=True),
            recomputed("a preview in which nothing changes", apply=False),
        ]
        discount()
        rows.append(recomputed("another price for all events", apply=True))
    return rows


def beside(stored: int, rate: int) -> list[Row]:
    """Another price for all while so many events a second are collected; none is lost."""
    with (
        stage(stored) as (environment, simulator),
        collector_loop(environment),
    ):
        price_the_models()
        before, queue = rolled_up(), simulator.app.state.queue
        simulator.control("settings", {"bulk_rate": rate})
        started = time.monotonic()
        row = recomputed(f"first costs of all beside {rate} events/s", apply=True)
        simulator.control("settings", {"bulk_rate": 0})
        offered, elapsed = queue.pushed, time.monotonic() - started
        while rolled_up() - before < offered and time.monotonic() < started + elapsed + 120:
            time.sleep(0.1)
        assert queue.pruned == 0
        assert_sums_equal(before + offered)
    what = f"the same: collected meanwhile, of {offered:,} offered"
    return [row, [what, f"all, {offered / elapsed:,.0f} events/s", "none lost"]]


def upgrade(stored: int) -> list[Row]:
    """From the last version without costs to this one, and filling the costs in afterwards."""
    from django.core.management import call_command

    with arena(stored):
        call_command("migrate", "usage", _BEFORE_COSTS, verbosity=0)
        started = time.monotonic()
        call_command("migrate", verbosity=0)
        elapsed = time.monotonic() - started
        price_the_models()
        what = f"upgrade of {stored:,} events from before costs"
        return [[what, f"{elapsed:.1f} s", "5 min"], _filled()]


def price_the_models() -> None:
    """The models of the dataset are priced like real ones."""
    from tests.factories import own_price

    for number in range(50):
        reference = _LIKE[number % len(_LIKE)]
        own_price("match", model=f"model-{number:02d}", catalogue_model=reference)


def discount() -> None:
    """Every cost becomes another."""
    from tests.factories import own_price

    own_price("discount", percent=10)


def _filled() -> Row:
    """What the collector does in the background after an upgrade, which the migration requested."""
    from usage.models import Recomputation
    from usage.upkeep import recompute
    from usage.upkeep.rebuild import differences

    made = Recomputation.objects.get(only_missing=True)
    started = time.monotonic()
    recompute.carry_on(made)
    elapsed = time.monotonic() - started
    assert differences(made.start, made.end) == []
    what = f"the same: costs of {made.changed:,} old events, in the background"
    return [what, f"{elapsed:,.0f} s, {made.events / elapsed:,.0f} events/s", _WANTED]


def recomputed(what: str, *, apply: bool) -> Row:
    """One recomputation of everything, or its preview, after which rollups equal the events."""
    from django.utils import timezone

    from monitoring import leases
    from usage.upkeep import recompute
    from usage.upkeep.rebuild import differences

    # A collector beside it must not help.
    term = leases.acquire(f"task:{recompute.LEASE}", 60)
    assert term
    with leases.heartbeat(term):
        today = timezone.localdate()
        started = time.monotonic()
        made = recompute.request(today - timedelta(days=120), today, (), None)
        if apply:
            type(made).objects.filter(pk=made.pk).update(status="applying")
            made.refresh_from_db()
        recompute.carry_on(made)
        elapsed = time.monotonic() - started
        assert differences(made.start, made.end) == []
    leases.release(term)
    rate = f"{elapsed:,.0f} s, {made.events / elapsed:,.0f} events/s"
    return [f"{what}: {made.changed:,} of {made.events:,} change", rate, _WANTED]
