"""Tables of usage: events and their series, rollups, runs and dead letters, completeness."""

from usage.models.completeness import CompletenessInterval, CounterSample
from usage.models.events import TOKEN_KINDS, PrunedMonth, UsageEvent, UsageSeries
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

__all__ = [
    "TOKEN_KINDS",
    "CollectorRun",
    "CompletenessInterval",
    "CounterSample",
    "DeadLetter",
    "PrunedMonth",
    "RollupCalendar",
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
]
