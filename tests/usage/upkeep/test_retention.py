"""Months of events are dropped when their time is over; sums stay, and nothing pretends that the
events were there."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from monitoring import leases
from tests.factories import make_event, make_upstream, store
from tests.usage.upkeep.test_rebuild import rows_of
from usage.history.snapshot import one_instant, rows
from usage.models import PrunedMonth, UsageEvent
from usage.rollups.partitions import (
    ensure_partitions_ahead,
    events_since,
    existing_partitions,
    month_of,
    months_before,
    start_of,
    this_month,
)
from usage.rollups.tables import GRANULARITIES
from usage.upkeep import retention
from usage.upkeep.rebuild import rebuildable_since
from usage.upkeep.tasks import compare_rollups

pytestmark = pytest.mark.django_db


def middle_of(months_ago: int) -> datetime:
    return start_of(months_before(this_month(), months_ago)) + timedelta(days=14)


@pytest.fixture
def upstream(settings):
    """Three events in each of this month and the four before; two whole months are to be kept."""
    settings.EVENT_RETENTION_MONTHS = 2
    upstream = make_upstream()
    for ago in range(1, 5):
        store(upstream, *(make_event(timestamp=middle_of(ago)) for _ in range(3)))
    store(
        upstream,
        *(make_event(timestamp=datetime.now(UTC) - timedelta(minutes=1)) for _ in range(3)),
    )
    return upstream


def prune(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_usage", *arguments, stdout=out)
    return out.getvalue()


def test_old_months_are_dropped_and_every_rollup_stays(upstream):
    before = [rows_of(granularity) for granularity in GRANULARITIES]
    assert "6 events" not in prune()
    kept = {month_of(at) for at in UsageEvent.objects.values_list("timestamp", flat=True)}
    assert kept == {months_before(this_month(), ago) for ago in (0, 1, 2)}
    assert min(existing_partitions().values()) == months_before(this_month(), 2)
    assert [rows_of(granularity) for granularity in GRANULARITIES] == before


def test_dry_run_shows_what_would_go_and_drops_nothing(upstream):
    shown = prune("--dry-run").splitlines()
    assert [line.split(":")[0] for line in shown] == [
        f"would drop {months_before(this_month(), ago):%Y-%m}" for ago in (4, 3)
    ]
    assert UsageEvent.objects.count() == 15


def test_everything_is_kept_unless_the_operator_says_otherwise(upstream, settings):
    settings.EVENT_RETENTION_MONTHS = 0
    assert prune() == "Nothing to drop.\n"
    assert (UsageEvent.objects.count(), events_since()) == (15, None)


def test_it_is_known_from_when_on_events_exist(upstream):
    prune()
    assert events_since() == start_of(months_before(this_month(), 2))
    assert rebuildable_since() >= events_since()
    assert rebuildable_since() < events_since() + timedelta(days=8)


def test_late_event_of_a_dropped_month_is_stored_and_dropped_by_the_next_pruning(upstream):
    prune()
    assert store(upstream, make_event(timestamp=middle_of(4))).stored == 1
    assert events_since() == start_of(months_before(this_month(), 2))
    prune()
    assert PrunedMonth.objects.get(month=months_before(this_month(), 4)).events == 4
    assert compare_rollups().startswith("Rollups and events agree")


def test_month_whose_rollups_are_wrong_is_kept_and_told(upstream):
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE usage_usagedaily SET total_tokens = total_tokens + 1 WHERE bucket < %s",
            [months_before(this_month(), 3)],
        )
    with pytest.raises(CommandError, match="rebuild_rollups --from"):
        prune()
    assert UsageEvent.objects.count() == 15


def test_one_process_prunes_at_a_time(upstream):
    leases.acquire(retention.LEASE, 30)
    with pytest.raises(CommandError, match="another process"):
        prune()


@pytest.mark.django_db(transaction=True)
def test_table_in_use_is_left_for_another_time(upstream, monkeypatch):
    monkeypatch.setattr(retention, "LOCK_WAIT", "50ms")
    reader = connection.copy()
    try:
        with reader.cursor() as cursor:
            cursor.execute("BEGIN; SELECT 1 FROM usage_event LIMIT 1")
            with pytest.raises(CommandError, match="in use"):
                prune()
    finally:
        reader.close()
    assert UsageEvent.objects.count() == 15


@pytest.mark.django_db(transaction=True)
def test_answer_that_has_not_read_events_yet_keeps_them(upstream, monkeypatch):
    monkeypatch.setattr(retention, "LOCK_WAIT", "50ms")

    def prune_meanwhile() -> str:
        try:
            with pytest.raises(CommandError) as refused:
                prune()
            return str(refused.value)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, one_instant():
        assert rows("first_read", "SELECT count(*) AS days FROM usage_usagedailyoverall", {}) == [
            {"days": 5}
        ]
        assert "in use" in pool.submit(prune_meanwhile).result(30)
        assert UsageEvent.objects.count() == 15


def test_partitions_are_made_before_their_month_comes():
    ensure_partitions_ahead()
    assert {months_before(this_month(), -ahead) for ahead in (0, 1, 2)} <= set(
        existing_partitions().values()
    )
