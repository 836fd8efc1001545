"""Costs of stored events change by a recomputation alone, and rollups with them, exactly."""

from datetime import date, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from monitoring.models import AuditEntry
from tests.factories import make_event, make_upstream, own_price, store
from tests.usage.random_queries import FIRST, LAST, fill
from usage.models import OwnPrice, Recomputation, UsageDailyOverall, UsageEvent
from usage.upkeep import recompute
from usage.upkeep.rebuild import differences, rebuild

pytestmark = pytest.mark.django_db

FIRST_DAY, LAST_DAY = date(2026, 9, 28), date(2026, 11, 8)


def costs() -> list[tuple[int | None, ...]]:
    return list(
        UsageEvent.objects.order_by("id").values_list(
            "id", "price_version", "input_cost", "output_cost", "list_cost", "cache_savings"
        )
    )


def recomputed(*models: str) -> Recomputation:
    made = recompute.request(FIRST_DAY, LAST_DAY, models, None)
    recompute.carry_on(made)
    recompute.approve(made, None)
    recompute.carry_on(made)
    return made


def agreed() -> bool:
    return differences(FIRST - timedelta(days=2), LAST + timedelta(days=2)) == []


@pytest.mark.parametrize("seed", range(4))
def test_what_was_priced_when_it_was_stored_stays_as_it_is(seed):
    fill(seed)
    before = costs()
    assert {row[1] is None for row in before} == {True, False}
    made = recompute.request(FIRST_DAY, LAST_DAY, (), None)
    recompute.carry_on(made)
    assert (made.status, made.events, made.changed) == ("previewed", len(before), 0)
    assert costs() == before


@pytest.mark.parametrize("seed", range(4))
def test_rollups_equal_the_events_after_prices_changed(seed):
    fill(seed)
    OwnPrice.objects.filter(kind="flat").delete()
    own_price("price", model="m2", input_rate=5_000_001, output_rate=9, cache_read_rate=0)
    own_price("discount", model="gpt-5.4", percent=-12.5)
    made = recompute.request(FIRST_DAY, LAST_DAY, (), None)
    recompute.carry_on(made)
    foretold = made.changes
    before = costs()
    recompute.approve(made, None)
    recompute.carry_on(made)
    assert made.status == "done"
    assert made.changes == foretold
    assert made.changed == sum(1 for old, new in zip(before, costs(), strict=True) if old != new)
    assert agreed()
    changed = costs()
    rebuild(FIRST - timedelta(days=2), LAST + timedelta(days=2))
    assert agreed()
    assert recomputed().changed == 0
    assert costs() == changed


def test_costs_can_be_lost_again_and_sums_are_null_then():
    upstream = make_upstream()
    price = own_price("price", model="mine", input_rate=1_000_000, output_rate=1_000_000)
    store(upstream, make_event(model="mine", timestamp="2026-10-05T10:00:00Z"))
    assert UsageDailyOverall.objects.get().priced == 1
    price.delete()
    recomputed()
    day = UsageDailyOverall.objects.get()
    assert (day.priced, day.input_cost, day.list_cost) == (0, None, None)
    assert agreed()


def test_only_the_named_models_are_recomputed():
    upstream = make_upstream()
    for model in ("one", "two"):
        store(upstream, make_event(model=model, timestamp="2026-10-05T10:00:00Z"))
    own_price("price", input_rate=1_000_000, output_rate=1_000_000)
    made = recomputed("two")
    assert set(made.changes["models"]) == {"two"}
    assert UsageEvent.objects.filter(price_version=None).get().series.model == "one"


def test_it_continues_where_it_stopped(monkeypatch):
    fill(1)
    OwnPrice.objects.all().delete()
    made = recompute.request(FIRST_DAY, LAST_DAY, (), None)
    recompute.carry_on(made)
    foretold = made.changes
    recompute.approve(made, None)
    parts = 0

    def stop(done: Recomputation) -> None:
        nonlocal parts
        parts += 1
        if parts == 17:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recompute.carry_on(made, report=stop)
    assert agreed()
    assert recompute.is_waiting()
    recompute.take_turn()
    made.refresh_from_db()
    assert (made.status, made.changes) == ("done", foretold)
    assert agreed()


def test_a_day_with_many_events_is_done_in_parts(monkeypatch):
    monkeypatch.setattr(recompute, "_PART_EVENTS", 7)
    fill(2)
    OwnPrice.objects.all().delete()
    made = recomputed()
    assert made.events == UsageEvent.objects.count()
    assert agreed()


def test_after_an_upgrade_only_what_has_no_cost_gets_one():
    upstream = make_upstream()
    store(upstream, make_event(model="gpt-5.4", timestamp="2026-10-05T10:00:00Z"))
    store(upstream, make_event(model="gpt-5.4", timestamp="2026-10-06T10:00:00Z"))
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_event SET price_version_id = NULL, input_cost = NULL, cache_read_cost ="
            " NULL, cache_write_cost = NULL, output_cost = NULL, list_cost = NULL, cache_savings ="
            " NULL WHERE \"timestamp\" < '2026-10-06'"
        )
    rebuild(FIRST, LAST)
    own_price("discount", percent=50)
    Recomputation.objects.create(
        status="applying", start=FIRST, end=LAST, only_missing=True, requested_by="upgrade"
    )
    recompute.take_turn()
    old, new = UsageEvent.objects.order_by("timestamp")
    assert old.input_cost * 2 == new.input_cost
    assert agreed()


def test_the_command_shows_what_changes_and_applies_it():
    store(make_upstream(), make_event(model="mine", timestamp="2026-10-05T10:00:00Z"))
    own_price("price", model="mine", input_rate=1_000_000, output_rate=1_000_000)
    output = StringIO()
    arguments = ("--from", "2026-10-01", "--to", "2026-10-31")
    call_command("recompute_costs", *arguments, "--dry-run", stdout=output)
    assert "1 of 1 events would have a new cost" in output.getvalue()
    assert "model mine $0.000000 -> $0.0" in " ".join(output.getvalue().split())
    assert UsageEvent.objects.get().price_version is None
    call_command("recompute_costs", *arguments, stdout=output)
    assert "1 of 1 events have a new cost" in output.getvalue()
    assert UsageEvent.objects.get().price_version is not None
    assert AuditEntry.objects.filter(action="costs.recomputed").exists()
    assert [r.status for r in Recomputation.objects.order_by("pk")] == ["cancelled", "done"]


def test_days_that_are_not_there_are_refused():
    for first, last in (("2026-10-05", "2026-10-04"), ("2199-01-01", "2199-01-02")):
        with pytest.raises(CommandError):
            call_command("recompute_costs", "--from", first, "--to", last)


@pytest.mark.parametrize(
    "sql", ["UPDATE usage_priceversion SET source = 'x'", "DELETE FROM usage_priceversion"]
)
def test_a_price_version_is_never_changed(sql):
    store(make_upstream(), make_event(model="gpt-5.4", timestamp="2026-10-05T10:00:00Z"))
    assert UsageEvent.objects.get().price_version is not None
    refused = pytest.raises(ProgrammingError, match="never changed")
    with refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
