"""Forecasts: the same hours of past weeks, a range, and nothing where too little is known."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import make_upstream
from tests.usage.budgets.making import NOW, make_budget, stand, use
from usage.budgets.forecast import Forecast, forecasts
from usage.budgets.spending import Keys
from usage.models import Budget

pytestmark = pytest.mark.django_db
WEEK = timedelta(weeks=1)


@pytest.fixture
def upstream():
    return make_upstream()


def forecast(budget: Budget, now: datetime = NOW) -> Forecast | None:
    return forecasts([stand(budget, now)], Keys.read(), now)[budget.pk]


def test_the_rest_of_a_day_comes_from_the_same_hours_of_four_weeks(upstream):
    use(upstream, 5)
    for number, tokens in enumerate((10, 20, 40, 80), 1):
        use(upstream, tokens, NOW - number * WEEK + timedelta(hours=2))
        use(upstream, 1000, NOW - number * WEEK - timedelta(hours=2))
        use(upstream, 1000, NOW - number * WEEK + timedelta(hours=12))
    assert forecast(make_budget(period="day")) == Forecast(15, 35, 85, 4)


def test_this_hour_counts_by_the_share_that_is_left(upstream):
    for number in (1, 2):
        use(upstream, 100, NOW - number * WEEK)
    assert forecast(make_budget(period="day")) == Forecast(50, 50, 50, 2)
    assert forecast(make_budget("later", period="day"), NOW + timedelta(minutes=15)) == Forecast(
        25, 25, 25, 2
    )


def test_whole_weeks_and_the_rest_of_a_month(upstream):
    now = datetime(2026, 10, 15, 0, 0, tzinfo=UTC)  # 17 days before the end
    for number in (1, 2, 3, 4):
        use(upstream, 100, now - number * WEEK + timedelta(days=1, hours=1))
        use(upstream, 7, now - number * WEEK + timedelta(days=6, hours=1))
    found = forecast(make_budget(), now)
    spent = 2 * 107  # of the 2nd to the 14th
    assert found == Forecast(*[spent + 2 * 107 + 100] * 3, 4)


def test_a_pause_counts_and_weeks_before_the_first_usage_do_not(upstream):
    use(upstream, 60, NOW - 3 * WEEK + timedelta(hours=2))
    use(upstream, 30, NOW - 1 * WEEK + timedelta(hours=2))
    assert forecast(make_budget(period="day")) == Forecast(0, 30, 60, 3)


def test_with_less_than_two_weeks_there_is_none(upstream):
    use(upstream, 60, NOW - WEEK + timedelta(hours=2))
    assert forecast(make_budget(period="day")) is None


def test_a_rolling_budget_has_none(upstream):
    for number in (1, 2):
        use(upstream, 60, NOW - number * WEEK)
    assert forecast(make_budget(period="rolling", rolling_hours=24)) is None


def test_a_scope_is_judged_by_its_own_past(upstream):
    for number in (1, 2):
        use(upstream, 60, NOW - number * WEEK + timedelta(hours=2), provider="claude")
        use(upstream, 5, NOW - number * WEEK + timedelta(hours=2))
    claude = make_budget(period="day", scope="provider", provider="claude")
    assert forecast(claude) == Forecast(60, 60, 60, 2)
    assert forecast(make_budget("all", period="day")) == Forecast(65, 65, 65, 2)
