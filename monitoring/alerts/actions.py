"""What people do with rules, alerts and channels; each act is in the audit trail."""

import secrets
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext, override

from monitoring.alerts.delivery.attempts import deliver
from monitoring.alerts.delivery.outbox import CLAIM_SECONDS, Claim, Outcome, abandon
from monitoring.alerts.engine import database_now, end_alerts
from monitoring.audit import trail
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule, Severity

DONE, FAILED = trail.Outcome.SUCCEEDED, trail.Outcome.FAILED


def save_rule(rule: AlertRule, channels: list[AlertChannel], user: User) -> None:
    """Store a new or changed rule."""
    act = "alert_rule.changed" if rule.pk else "alert_rule.created"
    with transaction.atomic():
        rule.error, rule.error_since = "", None
        rule.save()
        rule.channels.set(channels)
        detail = {
            "signal": rule.signal,
            "filters": rule.filters,
            "threshold": rule.threshold,
            "severity": rule.severity,
            "enabled": rule.is_enabled,
        }
        trail.record(user, act, rule.name, outcome=DONE, detail=detail)


def switch_rule(rule: AlertRule, user: User, *, on: bool) -> None:
    """Switch a rule on or off; the next evaluation ends its alerts when it is off."""
    AlertRule.objects.filter(pk=rule.pk).update(is_enabled=on, error="", error_since=None)
    act = "alert_rule.enabled" if on else "alert_rule.disabled"
    trail.record(user, act, rule.name, outcome=DONE)


def delete_rule(rule: AlertRule, user: User) -> None:
    """Delete a rule that was created here; a shipped one can only be switched off."""
    with transaction.atomic():
        end_alerts(rule)
        rule.delete()
        trail.record(user, "alert_rule.deleted", rule.name, outcome=DONE)


def acknowledge(alert: Alert, user: User) -> bool:
    """Note that a person takes care, which ends reminders; False if it is over or was done."""
    taken = Alert.objects.filter(pk=alert.pk, state__in=Alert.OPEN, acknowledged_at=None).update(
        acknowledged_at=database_now(), acknowledged_by=user.get_username()
    )
    if taken:
        trail.record(user, "alert.acknowledged", str(alert), outcome=DONE)
    return bool(taken)


def silence(target: Alert | AlertRule, lasting: timedelta, user: User) -> None:
    """Send no message about an alert, or about any of a rule, for a while; none at all ends it."""
    until = database_now() + lasting if lasting else None
    by = user.get_username() if lasting else ""
    type(target)._default_manager.filter(pk=target.pk).update(silenced_until=until, silenced_by=by)
    detail = {"minutes": int(lasting.total_seconds() // 60)}
    trail.record(user, "alert.silenced", str(target), outcome=DONE, detail=detail)


def save_channel(channel: AlertChannel, user: User) -> None:
    """Store a new or changed channel; a webhook gets a secret of its own first."""
    act = "alert_channel.changed" if channel.pk else "alert_channel.created"
    if channel.kind == AlertChannel.Kind.WEBHOOK and not channel.secret_encrypted:
        channel.store_secret(secrets.token_urlsafe(32))
    elif channel.kind == AlertChannel.Kind.APPRISE:
        channel.secret_encrypted = b""
    with transaction.atomic():
        channel.save()
        if not channel.is_enabled:
            abandon(channel, gettext("The channel was switched off."))
        detail = {"address": channel.address_hint, "enabled": channel.is_enabled}
        trail.record(user, act, channel.name, outcome=DONE, detail=detail)


def delete_channel(channel: AlertChannel, user: User) -> None:
    """Delete it; what waits for it is given up."""
    with transaction.atomic():
        abandon(channel, gettext("The channel was deleted."))
        channel.delete()
        trail.record(user, "alert_channel.deleted", channel.name, outcome=DONE)


def test_channel(channel: AlertChannel, user: User) -> Outcome:
    """Send a test at once and return what the other side responded; kept among its messages."""
    now = database_now()
    with override(channel.written_in):
        title = gettext("[test] Tollgate")
        text = gettext("%(user)s sent this test. Alerts will arrive the same way.")
    message = AlertMessage.objects.create(
        id=uuid4(),
        channel=channel,
        channel_name=channel.name,
        kind=AlertMessage.Kind.TEST,
        severity=Severity.NOTICE,
        title=title,
        text=text % {"user": user.get_username()},
        content={"kind": AlertMessage.Kind.TEST.value, "severity": "notice", "alerts": []},
        state=AlertMessage.State.SENDING,
        attempts=1,
        created_at=now,
        due_at=now,
        claimed_until=now + timedelta(seconds=CLAIM_SECONDS),
    )
    outcome = deliver(Claim(message.pk, 1))
    # A person reads the response; it is not tried again.
    AlertMessage.objects.filter(pk=message.pk, state=AlertMessage.State.WAITING).update(
        state=AlertMessage.State.UNDELIVERED
    )
    result = DONE if outcome.accepted else FAILED
    trail.record(
        user,
        "alert_channel.tested",
        channel.name,
        outcome=result,
        detail={"response": outcome.response},
    )
    return outcome
