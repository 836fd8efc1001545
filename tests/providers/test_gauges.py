"""Gauges of accounts: how they fare, and when the next plan ends."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.metrics.registry import exposition
from providers.models import AccountState
from tests.factories import make_upstream

pytestmark = pytest.mark.django_db


def test_accounts_are_counted_by_health_with_the_nearest_end_of_a_plan():
    now = timezone.now()
    upstream = make_upstream(name="east")
    for name, health, refused, days in (
        ("a", "active", False, 3),
        ("b", "failing", True, 9),
        ("c", "cooling", False, None),
    ):
        AccountState.objects.create(
            upstream=upstream,
            name=name,
            provider="codex",
            health=health,
            is_refused=refused,
            since=now,
            plan_until=now + timedelta(days=days) if days else None,
            read_at=now,
        )
    lines = [line for line in exposition().decode().splitlines() if "providers_account" in line]
    counted = 'providers_accounts{{health="{}",provider="codex",upstream="east"}} {}'
    expected = {"active": 1.0, "failing": 0.0, "cooling": 1.0, "refused": 1.0, "disabled": 0.0}
    assert {counted.format(*pair) for pair in expected.items()} <= set(lines)
    (left,) = [line for line in lines if line.startswith("providers_account_expiry_seconds{")]
    assert float(left.split()[-1]) == pytest.approx(3 * 86_400, abs=60)
