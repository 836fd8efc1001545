"""Tables of usage: events and their series, rollups, runs and dead letters, completeness."""

from usage.models.budgets import Budget, BudgetException, BudgetLevel
from usage.models.completeness import CompletenessInterval, CounterSample
from usage.models.currencies import CurrencyRate, DisplayCurrency
from usage.models.events import TOKEN_KINDS, PrunedMonth, UsageEvent, UsageSeries
from usage.models.first_steps import SkippedStep
from usage.models.prices import (
    COST_KINDS,
    OwnPrice,
    PriceCatalogue,
    PriceVersion,
    Recomputation,
)
from usage.models.rollups import (
    RollupCalendar,
    UsageDaily,
    UsageDailyByCredential,
    UsageDailyByKey,
    UsageDailyByKeyAndModel,
    UsageDailyByModel,
    UsageDailyOverall,
    UsageHourly,
    UsageHourlyByKey,
    UsageQuarterHourly,
)
from usage.models.runs import CollectorRun, DeadLetter
from usage.models.saved_views import SavedView, StartPage
from usage.models.statements import Statement
from usage.models.visits import Visit

__all__ = [
    "COST_KINDS",
    "TOKEN_KINDS",
    "Budget",
    "BudgetException",
    "BudgetLevel",
    "CollectorRun",
    "CompletenessInterval",
    "CounterSample",
    "CurrencyRate",
    "DeadLetter",
    "DisplayCurrency",
    "OwnPrice",
    "PriceCatalogue",
    "PriceVersion",
    "PrunedMonth",
    "Recomputation",
    "RollupCalendar",
    "SavedView",
    "SkippedStep",
    "StartPage",
    "Statement",
    "UsageDaily",
    "UsageDailyByCredential",
    "UsageDailyByKey",
    "UsageDailyByKeyAndModel",
    "UsageDailyByModel",
    "UsageDailyOverall",
    "UsageEvent",
    "UsageHourly",
    "UsageHourlyByKey",
    "UsageQuarterHourly",
    "UsageSeries",
    "Visit",
]
