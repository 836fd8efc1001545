"""The periods of budgets, as intervals: days, weeks and months of the installation's zone, or the
last hours.

A rolling budget counts whole hours: those of the last N hours, the one in which they begin as a
whole, and the one under way. So its sums come from the hourly rollup.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext, gettext_noop, ngettext

from monitoring.texts.recorded import Recorded
from usage.history.planner import Unit
from usage.history.windows import Bucket, Interval, Period, midnight
from usage.models import Budget

HOUR = timedelta(hours=1)
_BUCKETS = {
    Budget.Period.DAY: Bucket.DAY,
    Budget.Period.WEEK: Bucket.WEEK,
    Budget.Period.MONTH: Bucket.MONTH,
}


def zone() -> ZoneInfo:
    """The installation's zone."""
    return ZoneInfo(timezone.get_default_timezone_name())


def hour_of(instant: datetime) -> datetime:
    """The beginning of the hour of UTC that an instant is in."""
    return Unit.HOUR.floor(instant, zone())


def window_of(budget: Budget, now: datetime) -> Interval:
    """The period that is under way, to its end; of a rolling one to the end of this hour."""
    if budget.rolling_hours is not None:
        return Interval(hour_of(now - timedelta(hours=budget.rolling_hours)), hour_of(now) + HOUR)
    return _calendar(_BUCKETS[Budget.Period(budget.period)], now)


def _calendar(bucket: Bucket, now: datetime) -> Interval:
    today = now.astimezone(zone()).date()
    first = {
        Bucket.DAY: today,
        Bucket.WEEK: today - timedelta(days=today.weekday()),
        Bucket.MONTH: today.replace(day=1),
    }[bucket]
    start = midnight(first, zone())
    # More than any of them lasts; the first bucket of it is the whole one.
    longest = Period(start, midnight(first + timedelta(days=32), zone()), zone())
    return next(iter(bucket.cut(longest)))


# As titles are recorded, in English.
for _title in (
    gettext_noop("week from %(day)s"),
    gettext_noop("last %(count)s day"),
    gettext_noop("last %(count)s days"),
    gettext_noop("last %(count)s hour"),
    gettext_noop("last %(count)s hours"),
):
    Recorded(_title)


def title_of(budget: Budget, window: Interval) -> str:
    """The period for people: `2026-11`, `2026-11-28`, `week from 2026-11-23`, `last 24 hours`."""
    if budget.rolling_hours is not None:
        return rolling_title(budget.rolling_hours)
    first = window.start.astimezone(zone()).date()
    if budget.period == Budget.Period.MONTH:
        return first.isoformat()[:7]
    if budget.period == Budget.Period.WEEK:
        return gettext("week from %(day)s") % {"day": first.isoformat()}
    return first.isoformat()


def rolling_title(hours: int) -> str:
    """`last 36 hours`, `last 7 days`."""
    if hours % 24:
        return ngettext("last %(count)d hour", "last %(count)d hours", hours) % {"count": hours}
    days = hours // 24
    return ngettext("last %(count)d day", "last %(count)d days", days) % {"count": days}
