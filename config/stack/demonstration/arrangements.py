"""What the people of a demonstration have set up: budgets near their limits, a price of their own,
rates of currencies, saved views, tokens.

Amounts fit the simulator's past, of some 560 requests and 10 US dollars a day.
"""

from datetime import timedelta
from decimal import Decimal

from django.contrib.auth.models import User
from django.utils import timezone

from management_proxy.models import PersonalToken
from management_proxy.tokens.actions import create_token
from usage.currencies.actions import set_rate
from usage.models import Budget, OwnPrice, SavedView
from usage.prices.actions import set_price
from usage.saved_views import actions as saved_views

_DOLLAR = 10**9
_RATES = {"EUR": Decimal("0.92"), "CNY": Decimal("7.12")}
_MONTH = timedelta(days=30)
Page = SavedView.Page
_SHARED_VIEWS = (
    ("Failures of Claude, 7 days", Page.FAILURES, "range=7d&provider=claude"),
    ("Who uses which model, 30 days", Page.MATRIX, "range=30d"),
)
_OWN_VIEW = ("The week against the last", Page.COMPARE, "range=7d")


def prepare(staff: User, researcher: User, ci: User) -> None:
    """Store it once, as acts of theirs."""
    if Budget.objects.exists():
        return
    Budget.objects.bulk_create(budgets(researcher, ci))
    long_ago = timezone.localdate() - 2 * _MONTH
    for currency, rate in _RATES.items():
        set_rate(currency, rate, long_ago, staff)
    discount = OwnPrice(
        kind=OwnPrice.Kind.DISCOUNT,
        provider="openai-compatible-relay",
        percent=Decimal(20),
        holds_from=long_ago,
        note="Agreed for a year",
    )
    set_price(discount, staff)
    for name, page, query in _SHARED_VIEWS:
        saved_views.save(staff, name, page, query, is_shared=True)
    saved_views.save(researcher, *_OWN_VIEW, is_shared=False)
    _tokens(researcher, ci)


def budgets(researcher: User, ci: User) -> tuple[Budget, ...]:
    """One that has warned twice, one at the brink, and one whose forecast comes near."""
    scope, unit, period = Budget.Scope, Budget.Unit, Budget.Period
    return (
        Budget(
            name="All in 30 days",
            scope=scope.ALL,
            unit=unit.DOLLARS,
            limit=320 * _DOLLAR,
            period=period.ROLLING,
            rolling_hours=720,
            warn_at=[50, 80],
        ),
        Budget(
            name="CI in 7 days",
            scope=scope.USER,
            user=ci,
            unit=unit.REQUESTS,
            limit=600,
            period=period.ROLLING,
            rolling_hours=168,
            warn_at=[80],
        ),
        Budget(
            name="Claude this month",
            scope=scope.PROVIDER,
            provider="claude",
            unit=unit.DOLLARS,
            limit=150 * _DOLLAR,
            period=period.MONTH,
            warn_at=[50, 80],
        ),
        Budget(
            name="Research per day",
            scope=scope.USER,
            user=researcher,
            unit=unit.TOKENS,
            limit=2_500_000,
            period=period.DAY,
            warn_at=[80],
        ),
    )


def _tokens(researcher: User, ci: User) -> None:
    """Tokens of scripts, whose secrets are never shown."""
    scope, year = PersonalToken.Scope, timezone.now() + 12 * _MONTH
    create_token(ci, "rotate the release key", scope.WRITE, expires_at=year)
    create_token(researcher, "notebook", scope.READ, expires_at=year)
