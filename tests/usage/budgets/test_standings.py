"""What budgets count: every scope, unit and period, exactly; and their invariants."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from providers.models import ClientKey
from tests.factories import make_upstream, make_user
from tests.usage.budgets.making import NANO, NOW, make_budget, price_mine, stand, use
from usage.budgets.periods import title_of
from usage.budgets.spending import Keys
from usage.budgets.standings import standings
from usage.models import Budget, BudgetException

pytestmark = pytest.mark.django_db


@pytest.fixture
def upstream():
    return make_upstream(name="primary")


def key_named(last_four: str) -> ClientKey:
    return ClientKey.objects.get(last_four=last_four)


@pytest.mark.parametrize(
    ("unit", "spent"), [("tokens", 700), ("requests", 2), ("dollars", 700 * NANO // 10**6)]
)
def test_every_unit(upstream, unit, spent):
    price_mine()
    use(upstream, 300)
    use(upstream, 400)
    assert stand(make_budget(unit=unit)).spent == spent


def test_every_scope_counts_its_own(upstream):
    use(upstream, 100, api_key="sk-anns-key-0001")
    use(upstream, 20, api_key="sk-bobs-key-0002", provider="claude")
    use(make_upstream(name="other"), 3, api_key="sk-anns-key-0003")
    ann = make_user("ann")
    ClientKey.objects.exclude(last_four="0002").update(owner=ann)
    budgets = [
        make_budget("all"),
        make_budget("key", scope="key", client_key=key_named("0001")),
        make_budget("user", scope="user", user=ann),
        make_budget("provider", scope="provider", provider="claude"),
        make_budget("upstream", scope="upstream", upstream=upstream),
        make_budget("nothing", scope="provider", provider="unheard of"),
    ]
    found = standings(budgets, Keys.read(), NOW)
    assert [standing.spent for standing in found] == [123, 100, 103, 20, 120, 0]


def test_what_replaced_a_key_counts_for_its_budget(upstream):
    use(upstream, 100, api_key="sk-anns-key-0001")
    use(upstream, 20, api_key="sk-anns-key-0002")
    use(upstream, 3, api_key="sk-anns-key-0003")
    first, second, third = (key_named(f"000{n}") for n in (1, 2, 3))
    ClientKey.objects.filter(pk=second.pk).update(replaces=first)
    ClientKey.objects.filter(pk=third.pk).update(replaces=second)
    assert stand(make_budget(scope="key", client_key=first)).spent == 123
    assert stand(make_budget("newest", scope="key", client_key=third)).spent == 3


@pytest.mark.parametrize(
    ("period", "hours", "inside", "title"),
    [
        ("day", None, ["2026-10-16T00:00", "2026-10-16T23:59:59"], "2026-10-16"),
        ("week", None, ["2026-10-12T00:00", "2026-10-18T23:59:59"], "week from 2026-10-12"),
        ("month", None, ["2026-10-01T00:00", "2026-10-31T23:59:59"], "2026-10"),
        ("rolling", 24, ["2026-10-15T12:00", "2026-10-16T12:59:59"], "last 1 day"),
        ("rolling", 5, ["2026-10-16T07:00", "2026-10-16T12:59:59"], "last 5 hours"),
    ],
)
def test_every_period_has_its_edges(upstream, period, hours, inside, title):
    budget = make_budget(period=period, rolling_hours=hours)
    first, last = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in inside)
    use(upstream, 1, first)
    use(upstream, 10, last)
    use(upstream, 100, first - timedelta(seconds=1))
    use(upstream, 1000, last + timedelta(seconds=1))
    standing = stand(budget)
    assert standing.spent == 11
    assert title_of(budget, standing.window) == title


def test_days_are_those_of_the_installation(upstream, settings):
    settings.TIME_ZONE = "Asia/Shanghai"
    use(upstream, 1, datetime(2026, 10, 15, 16, 0, tzinfo=UTC))
    use(upstream, 10, datetime(2026, 10, 15, 15, 59, tzinfo=UTC))
    assert stand(make_budget(period="day")).spent == 1


def test_a_thousand_budgets_take_few_statements(upstream, django_assert_max_num_queries):
    use(upstream, 5)
    for n in range(12):
        period = ("day", "week", "month", "rolling")[n % 4]
        hours = n + 1 if period == "rolling" else None
        make_budget(f"b{n}", period=period, rolling_hours=hours)
    make_budget("provider", scope="provider", provider="codex")
    budgets = list(Budget.objects.select_related("upstream"))
    with django_assert_max_num_queries(8):
        found = standings(budgets, Keys.read(), NOW)
    assert {standing.spent for standing in found} == {5}


def test_attempts_without_a_price_are_counted_beside_dollars(upstream):
    price_mine()
    use(upstream, 300)
    use(upstream, 300, model="nobody knows it")
    standing = stand(make_budget(unit="dollars"))
    assert (standing.spent, standing.used.unpriced) == (300_000, 1)


def test_an_exception_raises_the_limit_on_its_day_alone(upstream):
    budget = make_budget()
    BudgetException.objects.create(
        budget=budget, day=NOW.date(), extra=500, reason="launch", made_by="ada"
    )
    assert stand(budget).limit == 1500
    assert stand(budget, NOW + timedelta(days=1)).limit == 1000


@pytest.mark.parametrize(
    "wrong",
    [
        {"scope": "key"},
        {"scope": "all", "provider": "claude"},
        {"scope": "provider"},
        {"period": "rolling"},
        {"period": "day", "rolling_hours": 3},
        {"period": "rolling", "rolling_hours": 0},
        {"limit": 0},
        {"limit": -5},
        {"warn_at": [0]},
        {"warn_at": [50, 100]},
        {"removes_keys": True},
    ],
)
def test_the_schema_refuses_what_makes_no_budget(wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_budget(**wrong)


def test_an_exception_has_a_reason_and_raises():
    budget = make_budget()
    for wrong in ({"reason": ""}, {"extra": 0}):
        given = {"day": NOW.date(), "extra": 5, "reason": "launch", "made_by": "ada", **wrong}
        with pytest.raises(IntegrityError), transaction.atomic():
            BudgetException.objects.create(budget=budget, **given)
