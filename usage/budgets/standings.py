"""How budgets stand at an instant: spent, limit of the day, levels reached."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from usage.budgets.periods import window_of, zone
from usage.budgets.spending import NOTHING, Keys, Used, ledgers, party_of
from usage.history.snapshot import one_instant
from usage.history.windows import Interval
from usage.models import Budget, BudgetException
from usage.models.budgets import LIMIT

# A rolling budget leaves a level only when it has fallen by so many percent, so that it does not
# leave and reach it again with each request.
ROLLING_MARGIN = 5


@dataclass(frozen=True)
class Standing:
    """One budget at an instant. `limit` has the day's exception in it; amounts are in its unit,
    dollars in nano-dollars."""

    budget: Budget
    window: Interval
    used: Used
    limit: int
    exception: BudgetException | None = None

    @property
    def spent(self) -> int:
        """What was used of the budget's unit."""
        return self.used.amount(self.budget.unit)

    @property
    def percent(self) -> float:
        """The share of the limit that was used."""
        return 100 * self.spent / self.limit

    @property
    def levels(self) -> list[int]:
        """The levels that it warns at, and the limit."""
        return [*sorted(set(self.budget.warn_at)), LIMIT]

    @property
    def reached(self) -> list[int]:
        """Those that it has reached."""
        return [level for level in self.levels if self._is_at(level)]

    @property
    def held(self) -> list[int]:
        """Those that it has not left, if it had reached them."""
        margin = ROLLING_MARGIN if self.budget.rolling_hours else 0
        return [level for level in self.levels if self._is_at(level - min(margin, level // 2))]

    def _is_at(self, percent: int) -> bool:
        return self.spent * 100 >= percent * self.limit


def standings(budgets: Sequence[Budget], keys: Keys, now: datetime) -> list[Standing]:
    """How each budget stands, in their order, by sums of one instant. Raises InvalidQuery, and
    django.db.Error."""
    windows = [window_of(budget, now) for budget in budgets]
    with one_instant():
        found = ledgers(windows, keys, {budget.scope for budget in budgets})
    raised = exceptions_on(now)
    return [
        _standing(
            budget, window, found[window].get(party_of(budget), NOTHING), raised.get(budget.pk)
        )
        for budget, window in zip(budgets, windows, strict=True)
    ]


def _standing(
    budget: Budget, window: Interval, used: Used, exception: BudgetException | None
) -> Standing:
    extra = exception.extra if exception else 0
    return Standing(budget, window, used, budget.limit + extra, exception)


def exceptions_on(now: datetime) -> dict[int, BudgetException]:
    """The exceptions of the day that an instant is in, by budget."""
    day = now.astimezone(zone()).date()
    return {row.budget_id: row for row in BudgetException.objects.filter(day=day)}
