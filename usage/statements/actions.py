"""Making a statement: the sums of a month, and the price versions that its events were priced by,
as of one instant."""

from datetime import date, timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from usage.history.dimensions import Dimension
from usage.history.labels import NO_KEY, NOBODY, labels
from usage.history.measures import Counts, counts
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.snapshot import Row, one_instant, rows
from usage.history.source_sql import COUNTS
from usage.history.windows import Period
from usage.models import PrunedMonth, Statement
from usage.statements.lines import Line

_STATEMENT = Recorded(_("statement %(month)s no. %(number)s"))
# Lines keep the names of their day.
for _name in (NOBODY, NO_KEY):
    Recorded(_name)
_EVERYTHING = Scope(None, sees_everything=True)
_VERSIONS = """
SELECT v.id, v.digest::text AS digest, v.source, v.catalogue_model, v.service_tier,
    v.above_input_tokens, v.own_prices, used.attempts
FROM (
    SELECT price_version_id, count(*) AS attempts FROM usage_event
    WHERE "timestamp" >= %(start)s AND "timestamp" < %(end)s AND price_version_id IS NOT NULL
    GROUP BY 1
) AS used JOIN usage_priceversion AS v ON v.id = used.price_version_id
ORDER BY used.attempts DESC, v.id
"""


def make(month: date, actor: User | None) -> Statement:
    """A new statement of the month that begins on a day; without an actor the first of the month
    made it. Raises InvalidQuery, and django.db.Error."""
    period = period_of(month)
    with one_instant():
        lines, versions = _lines(period), _versions(period)
    made = Statement.objects.create(
        month=month,
        zone=period.zone.key,
        made_by=actor.username if actor else "",
        is_whole=timezone.now() >= period.end,
        lines=[line.body for line in lines],
        versions=versions,
    )
    trail.record(
        actor,
        "statement.made",
        _STATEMENT(month=f"{made.month:%Y-%m}", number=made.pk),
        outcome=trail.Outcome.SUCCEEDED,
        actor_name="Tollgate",
    )
    return made


def period_of(month: date) -> Period:
    """A month in the installation's zone."""
    zone = timezone.get_default_timezone()
    return Period.of_days(month, last_day(month), zone)


def following(month: date) -> date:
    """The first day of the month after."""
    return (month + timedelta(days=31)).replace(day=1)


def last_day(month: date) -> date:
    """The last day of the month that begins on a day."""
    return following(month) - timedelta(days=1)


def last_month() -> date:
    """The first day of the last month that is over in the installation's zone."""
    return (timezone.localdate().replace(day=1) - timedelta(days=1)).replace(day=1)


def is_due() -> bool:
    """Whether the last month has no statement of all of it yet."""
    return not Statement.objects.filter(month=last_month(), is_whole=True).exists()


def make_last_month() -> str:
    """Make the statement of the last month."""
    if not is_due():
        return f"The statement of {last_month():%Y-%m} exists."
    made = make(last_month(), None)
    return f"Made the statement of {made.month:%Y-%m}: {len(made.lines)} client keys."


def _lines(period: Period) -> list[Line]:
    found = Query([period], _EVERYTHING, groups=(Dimension.USER, Dimension.KEY)).sums(COUNTS)
    users = labels(Dimension.USER, (row["group_1"] for row in found))
    keys = labels(Dimension.KEY, (row["group_2"] for row in found))
    return [_line(users[row["group_1"]], keys[row["group_2"]], counts(row)) for row in found]


def _line(user: str, key: str, used: Counts) -> Line:
    return Line(
        user,
        key,
        used.requests,
        used.attempts,
        used.unpriced_attempts,
        used.input_tokens,
        used.output_tokens,
        used.total_tokens,
        used.cost.input,
        used.cost.cache_read,
        used.cost.cache_write,
        used.cost.output,
        used.cost_nano_usd,
        used.list_cost_nano_usd,
    )


def _versions(period: Period) -> list[Row] | None:
    """None where events of the period were dropped, which alone name their versions."""
    first = period.start.date().replace(day=1)
    if PrunedMonth.objects.filter(month__gte=first, month__lt=period.end.date()).exists():
        return None
    return rows("statements.versions", _VERSIONS, {"start": period.start, "end": period.end})
