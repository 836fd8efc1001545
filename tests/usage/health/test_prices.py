"""What the doctor shows of prices."""

from datetime import UTC, datetime

import pytest

from tests.factories import make_event, make_upstream, store
from usage.health.prices import check_prices

pytestmark = pytest.mark.django_db


def summaries() -> list[str]:
    return [finding.summary for finding in check_prices()]


def test_nothing_is_shown_without_usage():
    assert summaries() == []


def test_attempts_without_a_price_are_named():
    now = datetime.now(UTC)
    store(make_upstream(), make_event(timestamp=now, model="a-model-that-nobody-sells"))
    assert summaries() == ["100 % of the last week's attempts have no cost."]
