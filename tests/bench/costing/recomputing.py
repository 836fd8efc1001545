"""Recomputations of the whole reference dataset: alone, beside live collection, and after an
upgrade.

CPU seconds are those of the recomputation and of its database process; unlike the time they say
something on a machine that has other work, too.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from management_proxy.simulator import RunningSimulator
from tests.bench.arena import arena
from tests.bench.ingest import assert_sums_equal, rolled_up, stage
from tests.bench.report import Row
from tests.bench.watch import collector_loop

if TYPE_CHECKING:
    from usage.models import Recomputation

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
    """First costs for all while so many events a second are collected; none is lost."""
    with stage(stored) as (environment, simulator):
        price_the_models()
        rows: list[Row] = []
        with _collecting(environment, simulator, rate, rows):
            rows.append(recomputed(f"first costs of all beside {rate} events/s", apply=True))
    return rows


def upgrade(stored: int, rate: int) -> list[Row]:
    """From the last version without costs to this one, and filling the costs in afterwards, as the
    migration requested, while so many events a second are collected."""
    with stage(stored) as (environment, simulator):
        from django.core.management import call_command

        from usage.models import Recomputation

        call_command("migrate", "usage", _BEFORE_COSTS, verbosity=0)
        started = time.monotonic()
        call_command("migrate", verbosity=0)
        elapsed = time.monotonic() - started
        what = f"upgrade of {stored:,} events from before costs"
        rows: list[Row] = [[what, f"{elapsed:.1f} s", "5 min"]]
        price_the_models()
        with _collecting(environment, simulator, rate, rows):
            what = f"the same: costs of old events filled in beside {rate} events/s"
            rows.append(_carried(what, lambda: Recomputation.objects.get(only_missing=True)))
    return rows


@contextmanager
def _collecting(
    environment: dict[str, str], simulator: RunningSimulator, rate: int, rows: list[Row]
) -> Iterator[None]:
    """Within it so many events a second arrive and are collected; a row of how many were."""
    with collector_loop(environment):
        before, queue = rolled_up(), simulator.app.state.queue
        simulator.control("settings", {"bulk_rate": rate})
        started = time.monotonic()
        yield
        simulator.control("settings", {"bulk_rate": 0})
        offered, elapsed = queue.pushed, time.monotonic() - started
        while rolled_up() - before < offered and time.monotonic() < started + elapsed + 120:
            time.sleep(0.1)
        assert queue.pruned == 0
        assert_sums_equal(before + offered)
    what = f"the same: collected meanwhile, of {offered:,} offered"
    rows.append([what, f"all, {offered / elapsed:,.0f} events/s", "none lost"])


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


def recomputed(what: str, *, apply: bool) -> Row:
    """One recomputation of everything, or its preview, after which rollups equal the events."""
    return _carried(what, lambda: _requested(apply=apply))


def _requested(*, apply: bool) -> "Recomputation":
    from django.utils import timezone

    from usage.upkeep import recompute

    today = timezone.localdate()
    made = recompute.request(today - timedelta(days=120), today, (), None)
    if apply:
        type(made).objects.filter(pk=made.pk).update(status="applying")
        made.refresh_from_db()
    return made


def _carried(what: str, request: Callable[[], "Recomputation"]) -> Row:
    from monitoring import leases
    from usage.upkeep import recompute
    from usage.upkeep.rebuild import differences

    # A collector beside it must not help.
    term = leases.acquire(f"task:{recompute.LEASE}", 60)
    assert term
    with leases.heartbeat(term):
        made = request()
        started, spent = time.monotonic(), _cpu_seconds()
        recompute.carry_on(made)
        elapsed, spent = time.monotonic() - started, _cpu_seconds() - spent
        assert differences(made.start, made.end) == []
    leases.release(term)
    figures = f"{elapsed:,.0f} s, {made.events / elapsed:,.0f} events/s; {spent:,.0f} s of CPU"
    return [f"{what}: {made.changed:,} of {made.events:,} change", figures, _WANTED]


def _cpu_seconds() -> float:
    """What this process and its database process have spent so far."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        scheduled = Path("/proc", str(cursor.fetchone()[0]), "schedstat").read_text()
    return time.process_time() + int(scheduled.split()[0]) / 10**9
