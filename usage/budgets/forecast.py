"""What a budget will have used by the end of its period, judged by the last four weeks.

    forecast of a week = used so far + what that week used in the same hours of the same weekdays

Each of the last four weeks says what is still to come: the rest of this hour (by its share that is
left), the same hours as those from the next one to the end of the period, and where more than a
week is left, as many whole weeks. The lowest, the middle and the highest of the four are the range
and the forecast. Weeks before a scope's first usage do not count, and with fewer than two weeks
there is no forecast. A rolling budget has no end, so it has none either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from usage.budgets.periods import HOUR, hour_of
from usage.budgets.spending import NOTHING, Keys, Ledger, Used, ledgers, party_of
from usage.budgets.standings import Standing
from usage.history.windows import Interval

WEEK = timedelta(weeks=1)
WEEKS = 4
FEWEST_WEEKS = 2


@dataclass(frozen=True)
class Forecast:
    """Amounts at the end of the period, in the budget's unit, and how many weeks they come from."""

    low: int
    middle: int
    high: int
    weeks: int


@dataclass(frozen=True)
class _Week:
    """The intervals of a past week that stand for what is to come."""

    whole: Interval
    hour: Interval
    rest: Interval


@dataclass(frozen=True)
class _Ahead:
    """What is left of a period at an instant: a share of this hour, whole weeks, and less than a
    week of hours."""

    now: datetime
    end: datetime

    @property
    def share_of_hour(self) -> float:
        return (self._next - self.now) / HOUR

    @property
    def whole_weeks(self) -> int:
        return max(self.end - self._next, timedelta()) // WEEK

    def weeks(self) -> Iterator[_Week]:
        """The last weeks, the newest first."""
        rest = max(self.end - self._next, timedelta()) % WEEK
        for number in range(1, WEEKS + 1):
            hour, following = (at - number * WEEK for at in (hour_of(self.now), self._next))
            yield _Week(
                Interval(hour, hour + WEEK),
                Interval(hour, following),
                Interval(following, following + rest),
            )

    @property
    def _next(self) -> datetime:
        return hour_of(self.now) + HOUR


def forecasts(found: Sequence[Standing], keys: Keys, now: datetime) -> dict[int, Forecast | None]:
    """The forecast of each budget, by id; None where there is none."""
    known = [standing for standing in found if standing.budget.rolling_hours is None]
    ahead = {standing.window.end: _Ahead(now, standing.window.end) for standing in known}
    intervals = {
        interval
        for one in ahead.values()
        for week in one.weeks()
        for interval in (week.whole, week.hour, week.rest)
        if interval.start < interval.end
    }
    used = ledgers(intervals, keys, {standing.budget.scope for standing in known})
    made = {s.budget.pk: _forecast(s, ahead[s.window.end], used) for s in known}
    return {standing.budget.pk: made.get(standing.budget.pk) for standing in found}


def _forecast(standing: Standing, ahead: _Ahead, used: dict[Interval, Ledger]) -> Forecast | None:
    party = party_of(standing.budget)

    def of(interval: Interval) -> Used:
        return used.get(interval, {}).get(party, NOTHING)

    unit, weeks = standing.budget.unit, list(ahead.weeks())
    while weeks and not of(weeks[-1].whole).attempts:
        weeks.pop()  # before its first usage
    if len(weeks) < FEWEST_WEEKS:
        return None
    ends = [
        standing.spent
        + round(ahead.share_of_hour * of(week.hour).amount(unit))
        + of(week.rest).amount(unit)
        + ahead.whole_weeks * of(week.whole).amount(unit)
        for week in weeks
    ]
    return Forecast(min(ends), round(median(ends)), max(ends), len(weeks))
