"""What rules can watch of budgets, and the rules that watch them from the start."""

from collections.abc import Iterable, Iterator

from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from monitoring.alerts.default_rules import DefaultRule
from monitoring.alerts.signals import Measurement, Reading, Signal, Unit, one_of
from monitoring.models import Severity
from monitoring.web.formats import instant
from usage.budgets.amounts import shown
from usage.models import Budget, BudgetLevel
from usage.models.budgets import LIMIT

WARNING, REACHED = "warning", "limit"


def _levels() -> Iterable[tuple[str, str]]:
    return ((WARNING, gettext("warning")), (REACHED, gettext("limit")))


def _budgets() -> Iterable[tuple[str, str]]:
    return ((str(pk), name) for pk, name in Budget.objects.values_list("pk", "name"))


def reached_levels(query: Measurement) -> Iterator[Reading]:
    """The percentage of the highest level that is reached, by budget, level and period: those
    below it end with it."""
    highest = BudgetLevel.objects.order_by("budget_id", "-level").distinct("budget_id")
    rows = BudgetLevel.objects.filter(pk__in=highest.values("pk"), **_wanted(query))
    for row in rows.select_related("budget"):
        budget = row.budget
        spent, limit = (shown(budget.unit, amount) for amount in (row.spent, row.limit))
        detail = gettext("%(spent)s of %(limit)s used at %(at)s.") % {
            "spent": spent,
            "limit": limit,
            "at": instant(row.reached_at),
        }
        yield Reading(float(row.level), row.subject, detail, reverse("budgets:list"))


def _wanted(query: Measurement) -> dict[str, object]:
    wanted: dict[str, object] = {}
    if level := query.filters.get("level"):
        wanted["level" if level == REACHED else "level__lt"] = LIMIT
    if budget := query.filters.get("budget"):
        wanted["budget"] = int(budget)
    return wanted


SIGNALS = (
    Signal(
        "budgets.level",
        _("Reached share of a budget"),
        Unit.PERCENT,
        reached_levels,
        _(
            "See on the page Budgets what is forecast; speak with the owner, make an exception for"
            " a day, or raise the limit."
        ),
        (one_of("level", _("Level"), _levels), one_of("budget", _("Budget"), _budgets)),
        url_name="budgets:list",
    ),
)
# One message of a level is enough: no reminders.
DEFAULTS = (
    DefaultRule(
        "budget_warning",
        gettext_noop("Budget warning"),
        "budgets.level",
        1,
        Severity.NOTICE,
        filters={"level": WARNING},
        repeat_seconds=0,
    ),
    DefaultRule(
        "budget_reached",
        gettext_noop("Budget used up"),
        "budgets.level",
        LIMIT,
        filters={"level": REACHED},
        repeat_seconds=0,
    ),
)
