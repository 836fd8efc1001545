"""The history of alerts: what is kept, and what goes after its time."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.retention import PRUNE, prune
from monitoring.models import Alert, AlertMessage

pytestmark = pytest.mark.django_db
NOW = timezone.now


def alert(subject: str, days: int, *, over: bool) -> Alert:
    then = NOW() - timedelta(days=days)
    state = Alert.State.RESOLVED if over else Alert.State.FIRING
    return Alert.objects.create(
        rule_name="Rule",
        subject=subject,
        severity="warning",
        state=state,
        value=1,
        worst=1,
        pending_since=then,
        fired_at=then,
        breached_at=then,
        resolved_at=then if over else None,
    )


def message(title: str, days: int, state: str, **fields: object) -> AlertMessage:
    then = NOW() - timedelta(days=days)
    return AlertMessage.objects.create(
        channel_name="mail",
        kind="firing",
        severity="warning",
        title=title,
        text="",
        state=state,
        created_at=then,
        due_at=then,
        **fields,
    )


def test_only_what_is_over_and_old_goes(settings, monkeypatch):
    settings.ALERT_HISTORY_DAYS = 30
    monkeypatch.setattr("monitoring.alerts.retention.AT_ONCE", 1)
    old = [alert("old", 31, over=True), alert("older", 300, over=True)]
    alert("recent", 29, over=True)
    firing = alert("firing", 400, over=False)
    sent = message("sent", 31, "delivered", delivered_at=NOW())
    sent.alerts.add(old[0], firing)
    message("given up", 40, "undelivered")
    message("to be sent", 40, "waiting")
    message("new", 1, "delivered", delivered_at=NOW())
    assert prune() == "2 alerts and 2 messages deleted."
    assert set(Alert.objects.values_list("subject", flat=True)) == {"recent", "firing"}
    left = set(AlertMessage.objects.values_list("title", flat=True))
    assert left == {"to be sent", "new"}
    assert prune() == "0 alerts and 0 messages deleted."


@pytest.mark.parametrize(("days", "wanted"), [(0, False), (365, True)])
def test_zero_days_keep_everything(settings, days, wanted):
    settings.ALERT_HISTORY_DAYS = days
    assert PRUNE.is_wanted() is wanted
