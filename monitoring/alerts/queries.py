"""Reading rules, alerts, channels and messages, for pages, the bell and the doctor."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Prefetch, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.alerts.default_rules import shown_name
from monitoring.alerts.messages import amount, condition, runbook
from monitoring.alerts.signals import Signal, Unit, UnknownSignal, signal_named
from monitoring.health import Action, Finding, Level
from monitoring.models import Alert, AlertChannel, AlertMessage, AlertRule, Severity
from monitoring.texts.recorded import in_language
from monitoring.web.formats import day_and_time

HISTORY_PAGE = 50
STALE_AFTER = timedelta(minutes=2)
_RANKS = {severity.value: -severity.rank for severity in Severity}


@dataclass(frozen=True)
class AlertRow:
    """An alert with what a page shows of it."""

    alert: Alert
    signal: Signal | None

    @property
    def name(self) -> str:
        """The rule's name when it began, in the reader's language."""
        return shown_name(self.alert.rule.code if self.alert.rule else "", self.alert.rule_name)

    @property
    def subject_name(self) -> str:
        """The same with the subject."""
        return ": ".join(filter(None, (self.name, in_language(self.alert.subject))))

    @property
    def value(self) -> str:
        """The present value with its unit."""
        return amount(self.alert.value, self._unit)

    @property
    def worst(self) -> str:
        """The worst value with its unit."""
        return amount(self.alert.worst, self._unit)

    @property
    def fix(self) -> str:
        """The step to take."""
        return str(self.signal.fix) if self.signal else ""

    @property
    def runbook(self) -> str:
        """Where the runbook has its section; empty for a rule that was deleted."""
        return runbook(self.alert.rule) if self.alert.rule else ""

    @property
    def is_silenced(self) -> bool:
        """Whether no message is sent about it now."""
        rule = self.alert.rule
        ends = (self.alert.silenced_until, rule.silenced_until if rule else None)
        return any(end is not None and end > timezone.now() for end in ends)

    @property
    def _unit(self) -> Unit:
        return self.signal.unit if self.signal else Unit.COUNT


@dataclass(frozen=True)
class RuleRow:
    """A rule with its condition in words and the worst state of its alerts."""

    rule: AlertRule
    condition: str
    state: str

    @property
    def name(self) -> str:
        """The rule's name, in the reader's language."""
        return shown_name(self.rule.code, self.rule.name)

    @property
    def is_silenced(self) -> bool:
        """Whether no message is sent about any of its alerts now."""
        until = self.rule.silenced_until
        return until is not None and until > timezone.now()


def open_alerts() -> list[AlertRow]:
    """What is pending or fires, the most urgent first."""
    found = Alert.objects.filter(state__in=Alert.OPEN).select_related("rule")
    order = sorted(
        found,
        key=lambda a: (a.state != Alert.State.FIRING, _RANKS[a.severity], a.pending_since),
    )
    return [_row(alert) for alert in order]


def fired_since(instant: datetime) -> int:
    """How many alerts began to fire from an instant on."""
    return Alert.objects.filter(fired_at__gte=instant).count()


def firing() -> list[AlertRow]:
    """What fires, the most urgent first."""
    if not Alert.firing_count():
        return []
    return [row for row in open_alerts() if row.alert.state == Alert.State.FIRING]


def alert_gauges() -> Iterator[Metric]:
    """How many alerts of each enabled rule fire, for dashboards that show what is wrong."""
    gauge = GaugeMetricFamily(
        "monitoring_alerts_firing", "Alerts that fire.", labels=["rule", "severity"]
    )
    fires = Count("alerts", filter=Q(alerts__state=Alert.State.FIRING))
    for rule in AlertRule.objects.filter(is_enabled=True).annotate(fires=fires):
        gauge.add_metric([rule.code or rule.name, rule.severity], rule.fires)
    yield gauge


def past_alerts(before: int | None = None) -> list[AlertRow]:
    """A page of alerts that were resolved, newest first, with their messages."""
    messages = AlertMessage.objects.order_by("created_at")
    found = Alert.objects.filter(state=Alert.State.RESOLVED).select_related("rule")
    found = found.order_by("-pk").prefetch_related(Prefetch("messages", messages))
    return [
        _row(alert) for alert in (found.filter(pk__lt=before) if before else found)[:HISTORY_PAGE]
    ]


def _row(alert: Alert) -> AlertRow:
    try:
        signal = signal_named(alert.rule.signal) if alert.rule else None
    except UnknownSignal:
        signal = None
    return AlertRow(alert, signal)


def rule_rows() -> list[RuleRow]:
    """Every rule by name."""
    states: dict[int | None, str] = {}
    for rule_id, state in Alert.objects.filter(state__in=Alert.OPEN).values_list("rule", "state"):
        if states.get(rule_id) != Alert.State.FIRING:
            states[rule_id] = state
    return [
        RuleRow(rule, condition(rule), states.get(rule.pk, "")) for rule in AlertRule.objects.all()
    ]


def channels() -> QuerySet[AlertChannel]:
    """Every channel by name."""
    return AlertChannel.objects.all()


def recent_messages(limit: int = 25) -> list[AlertMessage]:
    """The newest messages of all channels."""
    return list(AlertMessage.objects.all()[:limit])


def last_evaluation() -> datetime | None:
    """When rules were last evaluated."""
    newest = AlertRule.objects.exclude(evaluated_at=None).order_by("-evaluated_at").first()
    return newest.evaluated_at if newest else None


def check_alerts() -> Iterator[Finding]:
    """Rules that cannot be evaluated, or are not any more."""
    page = Action(gettext("Alerts"), "monitoring:alerts", is_link=True)
    enabled = list(AlertRule.objects.filter(is_enabled=True))
    for rule in enabled:
        if rule.error:
            yield Finding(
                Level.WARNING,
                gettext("The alert rule “%(rule)s” cannot be evaluated: %(reason)s")
                % {"rule": shown_name(rule.code, rule.name), "reason": rule.error},
                gettext("What it watches goes unnoticed."),
                gettext("Correct its filters, or disable it."),
                action=page,
            )
    newest = max((rule.evaluated_at for rule in enabled if rule.evaluated_at), default=None)
    if newest and newest < timezone.now() - STALE_AFTER:
        since = day_and_time(newest)
        yield Finding(
            Level.WARNING,
            gettext("Alert rules have not been evaluated since %(instant)s.") % {"instant": since},
            gettext("No alert can fire."),
            gettext("Start the collector or the web server: either evaluates them."),
            action=page,
        )


def panel_context(request: HttpRequest) -> dict[str, Any]:
    """What the monitoring page shows of rules."""
    enabled = AlertRule.objects.filter(is_enabled=True)
    return {
        "firing": firing(),
        "alert_rules": enabled.count(),
        "broken_rules": enabled.exclude(error="").count(),
    }
