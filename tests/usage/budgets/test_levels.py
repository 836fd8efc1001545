"""Levels: reached once a period, left when it ends, the limit is raised, or a rolling sum falls."""

from datetime import timedelta

import pytest

from monitoring.alerts.default_rules import store_missing
from monitoring.alerts.engine import database_now, evaluate
from monitoring.models import Alert
from tests.factories import make_upstream
from tests.usage.budgets.making import NOW, levels, make_budget, use
from usage.budgets.health import check_budgets
from usage.models import Budget, BudgetException, BudgetLevel

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream():
    return make_upstream()


def present() -> list[int]:
    return sorted(BudgetLevel.objects.values_list("level", flat=True))


def test_each_level_is_reached_once(upstream):
    make_budget(warn_at=[50, 80])
    use(upstream, 499)
    assert levels() == (0, 0)
    use(upstream, 1)
    assert levels() == (1, 0)
    assert levels() == (0, 0)
    use(upstream, 500)
    assert levels() == (2, 0)
    assert present() == [50, 80, 100]
    assert str(BudgetLevel.objects.get(level=100)) == "Team A: limit, 2026-10"


def test_the_next_period_begins_anew(upstream):
    make_budget(period="day")
    use(upstream, 1000)
    levels()
    assert levels(NOW + timedelta(days=1)) == (0, 2)
    use(upstream, 1000, NOW + timedelta(days=1))
    assert levels(NOW + timedelta(days=1)) == (2, 0)


def test_a_raised_limit_leaves_the_levels_beyond(upstream):
    budget = make_budget()
    use(upstream, 1000)
    levels()
    Budget.objects.update(limit=1500)
    assert (levels(), present()) == ((0, 1), [50])
    Budget.objects.update(limit=1000)
    assert levels() == (1, 0)
    BudgetException.objects.create(
        budget=budget, day=NOW.date(), extra=5000, reason="x", made_by="ada"
    )
    assert (levels(), present()) == ((0, 2), [])


def test_a_rolling_budget_leaves_a_level_by_a_margin(upstream):
    make_budget(period="rolling", rolling_hours=10, warn_at=[])
    use(upstream, 40, NOW - timedelta(hours=9))
    use(upstream, 20, NOW - timedelta(hours=8))
    use(upstream, 940)
    assert levels() == (1, 0)
    assert levels(NOW + timedelta(hours=2)) == (0, 0), "96 % is not yet low enough"
    assert levels(NOW + timedelta(hours=3)) == (0, 1), "94 % is"


def test_one_alert_of_the_highest_level_in_a_period(upstream):
    make_budget(warn_at=[25, 50])
    use(upstream, 600)
    levels()
    store_missing()
    for _ in range(3):
        evaluate()
    assert [alert.subject for alert in Alert.objects.all()] == ["Team A: 50 %, 2026-10"]
    use(upstream, 600)
    levels()
    evaluate(now=database_now() + timedelta(hours=20))
    evaluate(now=database_now() + timedelta(hours=40))
    found = Alert.objects.filter(rule__signal="budgets.level")
    assert set(found.values_list("state", "rule__code", "subject")) == {
        ("resolved", "budget_warning", "Team A: 50 %, 2026-10"),
        ("firing", "budget_reached", "Team A: limit, 2026-10"),
    }
    assert not any(alert.announced_at != alert.fired_at for alert in found), "no reminders"


def test_levels_are_findings(upstream):
    for n in range(25):
        make_budget(f"Budget {n:02}", warn_at=[50])
    assert list(check_budgets()) == []
    use(upstream, 600)
    levels()
    notices = list(check_budgets())
    assert {finding.level.value for finding in notices} == {"notice"}
    assert len(notices) == 21, "20 of them and how many more"
    use(upstream, 600)
    levels()
    found = list(check_budgets())
    assert {finding.level.value for finding in found[:20]} == {"warning"}, "the highest level alone"
    assert "Budget 00 has reached 100 %" in found[0].summary
