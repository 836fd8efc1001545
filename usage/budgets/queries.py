"""What the page and the JSON of budgets show: how they stand, forecasts, and keys withheld."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from providers.models import WithheldKey
from usage.budgets.amounts import shown
from usage.budgets.forecast import Forecast, forecasts
from usage.budgets.periods import rolling_title, title_of
from usage.budgets.spending import Keys
from usage.budgets.standings import Standing, standings
from usage.models import Budget
from usage.models.budgets import LIMIT

_PARTIES = ("client_key__upstream", "user", "upstream")


@dataclass(frozen=True)
class BudgetRow:
    """A budget as people see it; amounts are in its unit."""

    standing: Standing
    forecast: Forecast | None
    withheld: list[WithheldKey]

    @property
    def budget(self) -> Budget:
        """The budget."""
        return self.standing.budget

    @property
    def word(self) -> str:
        """`reached`, `warned`, `exceeds` or `may exceed` by its forecast, or `good`; the worst
        that holds."""
        reached, limit = self.standing.reached, self.standing.limit
        words = (
            (LIMIT in reached, "reached"),
            (self.forecast is not None and self.forecast.middle >= limit, "exceeds"),
            (bool(reached), "warned"),
            (self.forecast is not None and self.forecast.high >= limit, "may exceed"),
        )
        return next((word for holds, word in words if holds), "good")

    @property
    def grade(self) -> str:
        """How its bar is coloured."""
        return {"reached": "over", "good": "good"}.get(self.word, "near")

    @property
    def bar(self) -> int:
        """The used share in whole percent, not above 100."""
        return min(int(self.standing.percent), 100)

    @property
    def level(self) -> int:
        """The highest level reached, 0 for none."""
        return max(self.standing.reached, default=0)

    @property
    def period(self) -> str:
        """The period that is under way."""
        return title_of(self.budget, self.standing.window)

    @property
    def spent(self) -> str:
        """What was used."""
        return shown(self.budget.unit, self.standing.spent)

    @property
    def limit(self) -> str:
        """The limit of today."""
        return shown(self.budget.unit, self.standing.limit)

    @property
    def extra(self) -> str:
        """By how much today's exception raises it; empty without one."""
        exception = self.standing.exception
        return shown(self.budget.unit, exception.extra) if exception else ""

    @property
    def forecast_amounts(self) -> tuple[str, str, str] | None:
        """Forecast, lowest and highest."""
        if self.forecast is None:
            return None
        low, middle, high = (
            shown(self.budget.unit, amount)
            for amount in (self.forecast.low, self.forecast.middle, self.forecast.high)
        )
        return middle, low, high


def visible(user: User, upstreams: Collection[str] = ()) -> QuerySet[Budget]:
    """All budgets for staff; for others those of themselves and of their client keys. With
    upstreams only those that are of nothing else."""
    budgets = Budget.objects.select_related(*_PARTIES)
    if not user.is_staff:
        budgets = budgets.filter(Q(user=user) | Q(client_key__owner=user))
    if upstreams:
        of_them = Q(upstream__name__in=upstreams) | Q(client_key__upstream__name__in=upstreams)
        budgets = budgets.filter(of_them)
    return budgets


def rows(budgets: Collection[Budget], now: datetime) -> list[BudgetRow]:
    """How each stands at an instant. Raises InvalidQuery."""
    keys = Keys.read()
    found = standings(list(budgets), keys, now)
    expected = forecasts(found, keys, now)
    withheld = {row.pk: row for row in WithheldKey.objects.select_related("client_key")}
    return [
        BudgetRow(standing, expected[standing.budget.pk], _withheld(standing, keys, withheld))
        for standing in found
    ]


def _withheld(
    standing: Standing, keys: Keys, withheld: dict[int, WithheldKey]
) -> list[WithheldKey]:
    if not standing.budget.removes_keys or not withheld:
        return []
    return [withheld[key] for key in keys.of(standing.budget) if key in withheld]


def party_label(budget: Budget) -> str:
    """Whose usage it counts, by name; empty for everything."""
    return str(budget.client_key or budget.user or budget.upstream or budget.provider)


def period_label(budget: Budget) -> str:
    """Its period as a rule, not as dates."""
    return (
        rolling_title(budget.rolling_hours)
        if budget.rolling_hours
        else str(Budget.Period(budget.period).label)
    )
