"""Failures read again after a rule changed, with rollups that stay equal to the events."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from tests.factories import make_event, make_upstream, store
from usage.ingest import page_parser
from usage.models import UsageEvent
from usage.models.failures import FailureClass
from usage.upkeep import reclassify as reclassifying
from usage.upkeep.rebuild import differences

pytestmark = pytest.mark.django_db
FIRST = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
EXPIRED = {"status_code": 401, "body": '{"error":{"code":"token_expired"}}'}
LIMITED = {"status_code": 429, "body": "usage_limit_reached"}


def classes() -> list[str]:
    events = UsageEvent.objects.order_by("timestamp", "id")
    return list(events.values_list("series__failure_class", flat=True))


@pytest.fixture
def stored_before(monkeypatch):
    """Events of three days, classed by rules that knew only groups."""
    groups = {401: FailureClass.AUTH, 429: FailureClass.QUOTA}
    with monkeypatch.context() as before:
        before.setattr(
            page_parser,
            "classify",
            lambda failed, status, *_: groups[status] if failed else FailureClass.NONE,
        )
        store(
            make_upstream(),
            make_event(timestamp=FIRST, failed=True, fail=EXPIRED),
            make_event(timestamp=FIRST + timedelta(hours=1)),
            make_event(timestamp=FIRST + timedelta(days=1), failed=True, fail=LIMITED),
            make_event(timestamp=FIRST + timedelta(days=2), failed=True, fail=EXPIRED),
        )
    assert classes() == ["auth", "", "quota", "auth"]


def agrees() -> bool:
    return differences(FIRST - timedelta(days=2), FIRST + timedelta(days=4)) == []


def test_stored_failures_get_the_class_of_the_present_rules(stored_before):
    out = StringIO()
    call_command("reclassify_failures", stdout=out)
    assert classes() == ["expired_token", "", "plan_limit", "expired_token"]
    assert agrees()
    assert "3 events have another class" in out.getvalue()


def test_a_second_time_changes_nothing(stored_before):
    call_command("reclassify_failures", stdout=StringIO())
    assert sum(events for _, events in reclassifying.reclassify()) == 0


def test_what_was_done_before_an_end_half_way_stays_and_the_rest_follows(stored_before):
    parts = reclassifying.reclassify()
    next(parts)
    parts.close()
    assert classes() == ["auth", "", "quota", "expired_token"]
    assert agrees()
    call_command("reclassify_failures", stdout=StringIO())
    assert classes() == ["expired_token", "", "plan_limit", "expired_token"]


def test_a_day_that_cannot_be_finished_is_left_as_it_was(stored_before, monkeypatch):
    def fail(*_):
        raise OSError

    monkeypatch.setattr(reclassifying, "rebuild", fail)
    with pytest.raises(OSError):
        next(reclassifying.reclassify())
    assert classes() == ["auth", "", "quota", "auth"]
    assert agrees()


def test_events_stored_afterwards_join_the_series_that_were_made(stored_before):
    call_command("reclassify_failures", stdout=StringIO())
    held = UsageEvent.objects.filter(series__failure_class="expired_token")[0]
    store(held.series.upstream, make_event(timestamp=FIRST, failed=True, fail=EXPIRED))
    of_class = UsageEvent.objects.filter(series__failure_class="expired_token")
    assert of_class.values("series").distinct().count() == 1
    assert agrees()
