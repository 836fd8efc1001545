"""Trying a rule on days that are over: the same steps as those of an evaluation, over what the
signal was at each instant."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext

from monitoring.alerts.engine import database_now, measurement
from monitoring.alerts.signals import Reading, signal_named
from monitoring.alerts.transitions import advance
from monitoring.masking import masked_text
from monitoring.models import Alert, AlertRule

DAYS = 30
MOST_SHOWN = 100


@dataclass(frozen=True)
class Trial:
    """When the rule would have fired, oldest first; or why that cannot be known."""

    firings: tuple[Alert, ...] = ()
    refusal: str = ""

    @property
    def shown(self) -> tuple[Alert, ...]:
        """The newest ones, newest first."""
        return self.firings[::-1][:MOST_SHOWN]


def try_rule(rule: AlertRule, now: datetime | None = None) -> Trial:
    """Step through the last 30 days; nothing is stored."""
    end = now or database_now()
    signal = signal_named(rule.signal)
    if signal.past is None:
        return Trial(refusal=gettext("What this signal was in the past is not kept."))
    try:
        with transaction.atomic():
            signal.validate(rule.filters)
            instants = list(signal.past(end - timedelta(days=DAYS), measurement(rule, end)))
    except Exception as error:  # shown to the person who tries it
        text = gettext("It cannot be evaluated: %(reason)s") % {"reason": error}
        return Trial(refusal=masked_text(text, 300))
    return Trial(tuple(_firings(rule, instants)))


def _firings(rule: AlertRule, instants: list[tuple[datetime, list[Reading]]]) -> list[Alert]:
    known: dict[str, Alert] = {}
    fired: list[Alert] = []
    for instant, readings in instants:
        by_subject = {reading.subject: reading for reading in readings}
        for subject in by_subject.keys() | known.keys():
            before = known.pop(subject, None)
            was_firing = before is not None and before.fired_at is not None
            alert = advance(before, rule, by_subject.get(subject), instant).alert
            if alert is None:
                continue
            if alert.fired_at and not was_firing:
                fired.append(alert)
            if alert.resolved_at is None:
                known[subject] = alert
    return fired
