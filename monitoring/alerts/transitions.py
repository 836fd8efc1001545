"""How an alert moves between its states. Pure: no database, no clock of its own.

(none) --breach--> pending --breached for `hold`--> firing --calm for `calm`--> resolved
                      '--calm--> (none)               ^ '--breach: the calm begins anew
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from monitoring.alerts.signals import Reading
from monitoring.models import Alert, AlertRule

State = Alert.State


class Event(Enum):
    """What a step is worth a message for."""

    FIRED = "fired"
    REMINDED = "reminded"
    RESOLVED = "resolved"


@dataclass(frozen=True)
class Step:
    """What becomes of an alert: it stays open or resolved, or is forgotten (`alert` None)."""

    alert: Alert | None
    event: Event | None = None


def breaches(rule: AlertRule, reading: Reading | None) -> bool:
    """Whether a reading is beyond the rule's threshold; none, or one without value, is not."""
    if reading is None or reading.value is None:
        return False
    if rule.comparison == AlertRule.Comparison.AT_LEAST:
        return reading.value >= rule.threshold
    return reading.value <= rule.threshold


def advance(alert: Alert | None, rule: AlertRule, reading: Reading | None, now: datetime) -> Step:
    """The step of one subject at an instant; `alert` is its open one, and is changed."""
    if breaches(rule, reading) and reading is not None:
        alert = alert or _begun(rule, reading, now)
        _note(alert, rule, reading, now)
        return Step(alert, _event_of_breach(alert, rule, now))
    if alert is None or alert.state == State.PENDING:
        return Step(None)
    if reading is not None and reading.value is not None:
        alert.value = reading.value
    if now - alert.breached_at < timedelta(seconds=rule.calm_seconds):
        return Step(alert)
    return resolved(alert, now)


def resolved(alert: Alert, now: datetime) -> Step:
    """The end of a firing alert; a message follows only one that was announced."""
    alert.state, alert.resolved_at = State.RESOLVED, now
    return Step(alert, Event.RESOLVED if alert.announced_at else None)


def _begun(rule: AlertRule, reading: Reading, now: datetime) -> Alert:
    value = reading.value or 0.0
    return Alert(
        rule=rule,
        rule_name=rule.name,
        subject=reading.subject[:200],
        severity=rule.severity,
        value=value,
        worst=value,
        pending_since=now,
        breached_at=now,
    )


def _note(alert: Alert, rule: AlertRule, reading: Reading, now: datetime) -> None:
    value = reading.value or 0.0
    worst = max if rule.comparison == AlertRule.Comparison.AT_LEAST else min
    alert.value, alert.worst, alert.breached_at = value, worst(alert.worst, value), now
    alert.detail, alert.url = reading.detail[:500], reading.url[:1000]
    alert.details = {language: text[:500] for language, text in reading.details.items()}
    if alert.state == State.PENDING and now - alert.pending_since >= timedelta(
        seconds=rule.hold_seconds
    ):
        alert.state, alert.fired_at, alert.severity = State.FIRING, now, rule.severity


def _event_of_breach(alert: Alert, rule: AlertRule, now: datetime) -> Event | None:
    if alert.state != State.FIRING or _is_silenced(alert, rule, now):
        return None
    if alert.announced_at is None:
        alert.announced_at = now
        return Event.FIRED
    is_due = rule.repeat_seconds and now - alert.announced_at >= timedelta(
        seconds=rule.repeat_seconds
    )
    if not is_due or alert.acknowledged_at:
        return None
    alert.announced_at = now
    return Event.REMINDED


def _is_silenced(alert: Alert, rule: AlertRule, now: datetime) -> bool:
    ends = (alert.silenced_until, rule.silenced_until)
    return any(end is not None and end > now for end in ends)
