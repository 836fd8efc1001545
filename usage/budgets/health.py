"""What the doctor shows of budgets: levels that are reached."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from monitoring.health import Action, Finding, Level
from usage.models import BudgetLevel
from usage.models.budgets import LIMIT

MOST_SHOWN = 20


def check_budgets() -> Iterator[Finding]:
    """A finding for each budget that has reached a level, by the highest, limits first; one
    statement, since every page of staff runs the checks."""
    here = Action(_("Budgets"), "budgets:list", is_link=True)
    highest = BudgetLevel.objects.order_by("budget_id", "-level").distinct("budget_id")
    rows = BudgetLevel.objects.filter(pk__in=highest.values("pk")).order_by("-level", "subject")
    found = list(rows.values_list("level", "budget__name")[: MOST_SHOWN + 1])
    for level, name in found[:MOST_SHOWN]:
        yield Finding(
            Level.WARNING if level == LIMIT else Level.NOTICE,
            _("Budget %(budget)s has reached %(level)s %% of its limit.")
            % {"budget": name, "level": level},
            _("Its client keys are withheld, or usage continues beyond what was planned.")
            if level == LIMIT
            else _("The limit may be reached before the period ends."),
            _(
                "On the page Budgets, raise the limit, make an exception for a day, or leave it as"
                " it is."
            ),
            action=here,
        )
    if len(found) > MOST_SHOWN:
        yield Finding(
            Level.NOTICE,
            _("More budgets have reached a level; the page Budgets shows all."),
            action=here,
        )
