"""The history of alerts is kept for `ALERT_HISTORY_DAYS`: then alerts that are over go, and
messages whose fate is known. What fires, and what is still to be sent, stays however old it is."""

from datetime import timedelta
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, QuerySet
from django.utils.translation import gettext_noop as _

from monitoring.alerts.engine import database_now
from monitoring.models import Alert, AlertMessage
from monitoring.periodic import Task

M = TypeVar("M", bound=Model)
AT_ONCE = 1000
_KNOWN = (AlertMessage.State.DELIVERED, AlertMessage.State.UNDELIVERED)


def prune() -> str:
    """Delete what has had its time, a thousand rows at once."""
    before = database_now() - timedelta(days=settings.ALERT_HISTORY_DAYS)
    messages = _delete(AlertMessage.objects.filter(state__in=_KNOWN, created_at__lt=before))
    over = Alert.objects.filter(state=Alert.State.RESOLVED, resolved_at__lt=before)
    return f"{_delete(over):,} alerts and {messages:,} messages deleted."


def _delete(old: QuerySet[M]) -> int:
    count = 0
    while keys := list(old.order_by().values_list("pk", flat=True)[:AT_ONCE]):
        old.filter(pk__in=keys).delete()
        count += len(keys)
    return count


PRUNE = Task(
    "alert history",
    _("Delete alerts and messages older than ALERT_HISTORY_DAYS"),
    prune,
    timedelta(days=1),
    hour=5,
    is_wanted=lambda: bool(settings.ALERT_HISTORY_DAYS),
    why=_("The history of alerts grows without end."),
    fix=_("See the log of the collector."),
)
