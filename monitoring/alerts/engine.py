"""The evaluation of rules: who does it, when, and what is written.

    rule --measure--> readings --one step a subject (transitions)--> alerts and messages, committed
    together --delivery/outbox--> channels

States of an alert are in `monitoring/alerts/transitions.py`; those of a message in
`monitoring/alerts/delivery/outbox.py`.

Invariants
* One process of all evaluates: the holder of the lease `alerts` (`monitoring/alerts/worker.py`).
  What an evaluation writes is fenced by its term, so that a frozen holder writes nothing late.
* An alert's new state and the messages about it are one transaction: no message without its
  state, no state without its message.
* A rule and a subject have at most one open alert (a constraint of the schema).

* All rules are measured at one instant: in a snapshot, where nothing is written
  (`monitoring/alerts/signals.py`, `measure_within`).

Failure rules
* A rule whose signal raises is marked with the reason, is a finding of the doctor, and changes no
  alert: neither does it fire, nor is what fires resolved.
* A rule that was switched off or is deleted has its firing alerts resolved, with a message.
* A subject that has no reading any more counts as calm.
* Whatever a page writes meanwhile (acknowledged, silenced) is in columns that this never writes.

Only the database's clock decides.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction
from django.utils.translation import override

from monitoring.alerts.delivery.outbox import enqueue
from monitoring.alerts.signals import Measurement, Reading, measuring, signal_named
from monitoring.alerts.transitions import Event, Step, advance, breaches, resolved
from monitoring.failpoints import around
from monitoring.leases import LeaseLost, Term, fence
from monitoring.logs.monitoring_kinds import ALERT_CHANGED, ALERT_RULE_BROKEN
from monitoring.masking import masked_text
from monitoring.models import Alert, AlertMessage, AlertRule

logger = logging.getLogger(__name__)

WRITTEN = (
    "severity",
    "state",
    "value",
    "worst",
    "detail",
    "details",
    "url",
    "fired_at",
    "breached_at",
    "resolved_at",
    "announced_at",
)
_KINDS = {
    Event.FIRED: AlertMessage.Kind.FIRING,
    Event.REMINDED: AlertMessage.Kind.REMINDER,
    Event.RESOLVED: AlertMessage.Kind.RESOLVED,
}
Found = dict[int, list[Reading] | str]


@dataclass
class Evaluated:
    """What an evaluation did: events by rule, and why rules could not be evaluated."""

    fired: int = 0
    resolved: int = 0
    errors: dict[str, str] = field(default_factory=dict)


def evaluate(term: Term | None = None, now: datetime | None = None) -> Evaluated:
    """Evaluate every enabled rule at one instant. Raises LeaseLost, and django.db.Error."""
    now = now or database_now()
    rules = list(AlertRule.objects.filter(is_enabled=True))
    with measuring():
        found = _measured(rules, now, settings.DEFAULT_LANGUAGE)
        for language, _name in settings.LANGUAGES:
            if language != settings.DEFAULT_LANGUAGE:
                _add_details(found, rules, now, language)
    with transaction.atomic():
        if term and not fence(term):
            raise LeaseLost(term.name)
        return _apply(rules, found, now)


def database_now() -> datetime:
    """The instant by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
        return now


def measurement(
    rule: AlertRule, end: datetime, shared: dict[Any, Any] | None = None
) -> Measurement:
    """What a rule measures at an instant."""
    window = timedelta(seconds=rule.window_seconds)
    known = {} if shared is None else shared
    return Measurement(end, window, rule.filters, rule.least_volume, known)


def read(rule: AlertRule, now: datetime, shared: dict[Any, Any]) -> list[Reading] | str:
    """The readings of a rule, or why there are none. Raises django.db.Error when the database is
    out of reach."""
    try:
        with transaction.atomic():  # what fails inside costs the other rules nothing
            signal = signal_named(rule.signal)
            signal.validate(rule.filters)
            return list(signal.measure(measurement(rule, now, shared)))
    except Exception as error:
        if isinstance(error, DatabaseError) and not connection.is_usable():
            raise
        ALERT_RULE_BROKEN.log_exception(logger, logging.WARNING, rule=rule.name)
        return masked_text(f"{type(error).__name__}: {error}".split("\n")[0], 300)


def _measured(rules: Iterable[AlertRule], now: datetime, language: str) -> Found:
    shared: dict[Any, Any] = {}
    with override(language):
        return {rule.pk: read(rule, now, shared) for rule in rules}


def _add_details(found: Found, rules: list[AlertRule], now: datetime, language: str) -> None:
    """Measure again, in another language, what breaches: signals write their details themselves."""
    breached = [rule for rule in rules if any(breaches(rule, r) for r in _readings(found[rule.pk]))]
    for pk, readings in _measured(breached, now, language).items():
        details = {reading.subject: reading.detail for reading in _readings(readings)}
        found[pk] = [
            replace(reading, details={**reading.details, language: details[reading.subject]})
            if reading.subject in details
            else reading
            for reading in _readings(found[pk])
        ]


def _readings(found: list[Reading] | str) -> list[Reading]:
    """What was measured; nothing of a rule that could not be evaluated."""
    return [] if isinstance(found, str) else found


def _apply(rules: list[AlertRule], found: Found, now: datetime) -> Evaluated:
    done = Evaluated()
    open_alerts: dict[int | None, dict[str, Alert]] = defaultdict(dict)
    for alert in Alert.objects.select_for_update().filter(state__in=Alert.OPEN):
        open_alerts[alert.rule_id][alert.subject] = alert
    for rule in rules:
        readings = found[rule.pk]
        if isinstance(readings, str):
            done.errors[rule.name] = readings
            open_alerts.pop(rule.pk, None)
        else:
            known = open_alerts.pop(rule.pk, {})
            _write(rule, _steps(rule, readings, known, now), known, now, done)
    switched_off = AlertRule.objects.in_bulk([pk for pk in open_alerts if pk])
    for rule_id, known in open_alerts.items():
        _end(switched_off.get(rule_id or 0), known, now, done)
    _mark(rules, found, now)
    return done


def _steps(
    rule: AlertRule, readings: list[Reading], known: dict[str, Alert], now: datetime
) -> list[tuple[str, Step]]:
    by_subject = {reading.subject[:200]: reading for reading in readings}
    return [
        (subject, advance(known.get(subject), rule, by_subject.get(subject), now))
        for subject in by_subject.keys() | known.keys()
    ]


def _write(
    rule: AlertRule | None,
    steps: Iterable[tuple[str, Step]],
    known: dict[str, Alert],
    now: datetime,
    done: Evaluated,
) -> None:
    events: dict[Event, list[Alert]] = defaultdict(list)
    for subject, step in steps:
        if step.alert is None:
            if old := known.get(subject):
                old.delete()
            continue
        step.alert.save(update_fields=WRITTEN if step.alert.pk else None)
        if step.event:
            events[step.event].append(step.alert)
    done.fired += len(events[Event.FIRED])
    done.resolved += len(events[Event.RESOLVED])
    for event, alerts in events.items():
        if alerts and rule:
            with around("alert decision"):
                enqueue(_KINDS[event], rule, alerts, now)
            transaction.on_commit(partial(_log, event, rule, alerts))


def _log(event: Event, rule: AlertRule, alerts: Iterable[Alert]) -> None:
    level = logging.INFO if event is Event.RESOLVED else logging.WARNING
    for alert in alerts:
        ALERT_CHANGED.log(
            logger,
            level,
            alert_id=alert.pk,
            rule=rule.code or rule.name,
            severity=alert.severity,
            change=event.value,
            value=alert.value,
        )


def end_alerts(rule: AlertRule) -> None:
    """End every open alert of a rule that is about to go; in the caller's transaction."""
    open_alerts = Alert.objects.select_for_update().filter(rule=rule, state__in=Alert.OPEN)
    known = {alert.subject: alert for alert in open_alerts}
    _end(rule, known, database_now(), Evaluated())


def _end(rule: AlertRule | None, known: dict[str, Alert], now: datetime, done: Evaluated) -> None:
    steps = [
        (subject, Step(None) if alert.state == Alert.State.PENDING else resolved(alert, now))
        for subject, alert in known.items()
    ]
    _write(rule, steps, known, now, done)


def _mark(rules: list[AlertRule], found: Found, now: datetime) -> None:
    well = [rule.pk for rule in rules if not isinstance(found[rule.pk], str)]
    AlertRule.objects.filter(pk__in=well).update(evaluated_at=now, error="", error_since=None)
    for rule in rules:
        reason = found[rule.pk]
        if isinstance(reason, str):
            AlertRule.objects.filter(pk=rule.pk).update(
                error=reason, error_since=rule.error_since or now
            )
