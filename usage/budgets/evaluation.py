"""Evaluating all budgets at once: which levels are reached, and which client keys have to go.

    budgets, exceptions --one instant of history--> standings --compared with stored levels-->
    levels reached and left, one transaction --limits of budgets that remove keys--> withheld keys

Invariants
* A level has one row in a period, from the evaluation that first finds it reached until the period
  is over, the limit is raised above it, or (rolling) the sum has fallen below it by a margin. Its
  row is what makes one alert and one finding of it.
* Client keys follow the rows of limits, and nothing else: what is to be withheld is passed whole to
  providers/client_keys/withholding.py each time. So a key comes back when the period ends, the
  limit is raised, an exception is made or the budget is deleted, whichever process died when.
* One process of all evaluates, under the lease of the periodic task. One that is frozen past its
  lease can at most repeat what it found: levels are inserted once (a constraint), and removals are
  changes of the funnel.

The database's clock decides about periods. Soft by nature: what is not yet collected is not
counted, an evaluation comes every few seconds, and requests that are running go on.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_noop as _
from django.utils.translation import override

from monitoring.alerts.engine import database_now
from monitoring.failpoints import around
from monitoring.periodic import Task
from monitoring.texts.recorded import Recorded
from providers.client_keys.withholding import Done, bring_about
from providers.client_keys.withholding_requests import Want
from providers.models import WithheldKey
from usage.budgets.periods import title_of
from usage.budgets.spending import Keys
from usage.budgets.standings import Standing, standings
from usage.models import Budget, BudgetLevel
from usage.models.budgets import LIMIT


@dataclass(frozen=True)
class Evaluated:
    """What an evaluation did."""

    budgets: int
    reached: int
    left: int
    keys: Done

    @property
    def summary(self) -> str:
        """It as a sentence."""
        unreachable = "".join(f"; {name}: {why}" for name, why in self.keys.unreachable.items())
        return (
            f"{self.budgets} budgets: {self.reached} levels reached, {self.left} left;"
            f" {self.keys.removed} keys removed, {self.keys.returned} given back{unreachable}"
        )


def evaluate(now: datetime | None = None) -> Evaluated:
    """Evaluate every budget, and remove or give back client keys. Raises InvalidQuery, and
    django.db.Error."""
    keys = Keys.read()
    budgets, reached, left = evaluate_levels(keys, now or database_now())
    return Evaluated(budgets, reached, left, bring_about(wanted(keys)))


def evaluate_levels(keys: Keys, now: datetime) -> tuple[int, int, int]:
    """Store which levels are reached at an instant; how many budgets there are, levels newly
    reached, and left."""
    budgets = list(Budget.objects.select_related("upstream"))
    found = standings(budgets, keys, now)
    with around("budget levels"), transaction.atomic():
        return len(budgets), *_write(found, now)


def _write(found: list[Standing], now: datetime) -> tuple[int, int]:
    stored: dict[int, list[BudgetLevel]] = defaultdict(list)
    for row in BudgetLevel.objects.all():
        stored[row.budget_id].append(row)
    reached: list[BudgetLevel] = []
    left: list[int] = []
    for standing in found:
        known = stored[standing.budget.pk]
        stay = {row.level for row in known if _stays(row, standing)}
        left += [row.pk for row in known if row.level not in stay]
        reached += [_level(standing, level, now) for level in standing.reached if level not in stay]
    BudgetLevel.objects.filter(pk__in=left).delete()
    return _insert(reached), len(left)


def _insert(reached: list[BudgetLevel]) -> int:
    """A budget that is deleted meanwhile gets no level."""
    if not reached:
        return 0
    budgets = Budget.objects.select_for_update(no_key=True).order_by("pk")
    present = set(
        budgets.filter(pk__in={row.budget_id for row in reached}).values_list("pk", flat=True)
    )
    rows = [row for row in reached if row.budget_id in present]
    BudgetLevel.objects.bulk_create(rows, ignore_conflicts=True)
    return len(rows)


def _period_start(standing: Standing) -> datetime | None:
    return None if standing.budget.rolling_hours else standing.window.start


def _stays(row: BudgetLevel, standing: Standing) -> bool:
    return row.period_start == _period_start(standing) and row.level in standing.held


def _level(standing: Standing, level: int, now: datetime) -> BudgetLevel:
    budget = standing.budget
    with override(settings.LANGUAGE_CODE):
        period = title_of(budget, standing.window)
    reached = f"{level} %" if level < LIMIT else _LIMIT()
    return BudgetLevel(
        budget=budget,
        level=level,
        period_start=_period_start(standing),
        subject=_SUBJECT(name=budget.name, level=reached, period=period),
        spent=standing.spent,
        limit=standing.limit,
        reached_at=now,
    )


def wanted(keys: Keys) -> dict[int, Want]:
    """The client keys to be withheld, by the limits that are stored as reached."""
    limits = BudgetLevel.objects.filter(level=LIMIT, budget__removes_keys=True)
    found: dict[int, list[BudgetLevel]] = defaultdict(list)
    for row in limits.select_related("budget"):
        for key in keys.of(row.budget):
            found[key].append(row)
    return {key: _want(rows) for key, rows in found.items()}


def _want(rows: Iterable[BudgetLevel]) -> Want:
    rows = list(rows)
    names = ", ".join(f"“{row.budget.name}”" for row in rows)
    return Want(_USED_UP(budgets=names), frozenset(row.pk for row in rows))


def is_wanted() -> bool:
    """Whether there is anything to evaluate or give back."""
    return Budget.objects.exists() or WithheldKey.objects.exists()


_LIMIT = Recorded(_("limit"))
_SUBJECT = Recorded(_("%(name)s: %(level)s, %(period)s"))
_USED_UP = Recorded(_("Budget %(budgets)s: the limit is reached"))
TASK = Task(
    "budgets",
    _("Evaluate budgets; remove client keys at a limit, and give them back"),
    lambda: evaluate().summary,
    # As often as tasks are polled.
    timedelta(seconds=10),
    is_wanted=is_wanted,
    why=_("Limits that are reached are not noticed, and client keys are not given back."),
    fix=_(
        "See the log of the collector for the reason; manage.py evaluate_budgets does it by hand."
    ),
    is_prompt=True,
)
