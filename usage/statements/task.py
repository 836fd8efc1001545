"""The periodic task that makes the statement of a month when it is over."""

from datetime import timedelta

from django.utils.translation import gettext_noop as _

from monitoring.periodic import Task
from usage.statements.actions import is_due, make_last_month

TASK = Task(
    "monthly statement",
    _("Make the statement of the last month"),
    make_last_month,
    timedelta(days=1),
    hour=6,
    is_wanted=is_due,
    why=_("The last month cannot be charged."),
    fix=_("See the log of the collector, or make it on the page Statements."),
)
