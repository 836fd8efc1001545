"""What a message says: what, since when, how much, the filter, where to look and what to do."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from monitoring.alerts.default_rules import default_rules
from monitoring.alerts.signals import Signal, Unit, UnknownSignal, signal_named
from monitoring.masking import masked_text
from monitoring.models import Alert, AlertMessage, AlertRule

Kind = AlertMessage.Kind
LISTED = 10
_HEADS = {
    Kind.FIRING: "{severity}",
    Kind.REMINDER: "still firing, {severity}",
    Kind.RESOLVED: "resolved",
}


def amount(value: float, unit: Unit) -> str:
    """A value with its unit: `34.5 %`, `2 min`, `1,200 tokens`."""
    if unit is Unit.PERCENT:
        return f"{value:.4g} %"
    if unit is Unit.SECONDS:
        return _seconds(value)
    return f"{value:,.0f}{f' {unit.value}' if unit.value else ''}"


def _seconds(value: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if abs(value) >= 2 * size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g} s"


def condition(rule: AlertRule) -> str:
    """`failure rate of 10 min at least 50 %, model gpt-5`; of an unknown signal its name."""
    try:
        signal = signal_named(rule.signal)
    except UnknownSignal:
        return rule.signal
    window = f" of {_seconds(rule.window_seconds)}" if signal.has_window else ""
    volume = (
        f", of at least {rule.least_volume:,}" if signal.has_volume and rule.least_volume else ""
    )
    limit = f"{rule.get_comparison_display()} {amount(rule.threshold, signal.unit)}"
    held = f", for {_seconds(rule.hold_seconds)}" if rule.hold_seconds else ""
    filters = "".join(f", {_named(signal, *pair)}" for pair in rule.filters.items())
    return f"{signal.label}{window} {limit}{volume}{filters}{held}"


def _named(signal: Signal, name: str, value: str) -> str:
    """`client key laptop`; a filter that the signal does not know as it is stored."""
    known = next((f for f in signal.filters if f.name == name), None)
    return f"{known.label.lower()} {known.named(value)}" if known else f"{name} {value}"


def anchor(rule: AlertRule) -> str:
    """The rule's section of the runbook: its own if it is a shipped one, else that of a shipped one
    with the same signal, else the signal's."""
    shipped = (known.code for known in default_rules() if known.signal == rule.signal)
    name = rule.code or next(shipped, rule.signal)
    return f"alert-{name.replace('.', '-').replace('_', '-')}"


def runbook(rule: AlertRule) -> str:
    """The path of the rule's section, on the page of the runbook."""
    return f"{reverse('monitoring:runbook')}#{anchor(rule)}"


def link(path: str) -> str:
    """The whole address of a page; only its path where DASHBOARD_URL is not set."""
    return f"{settings.DASHBOARD_URL}{path}"


def title(kind: str, rule: AlertRule, alerts: Sequence[Alert]) -> str:
    """One line: `[critical] Collector stalled: primary`."""
    head = _HEADS[Kind(kind)].format(severity=rule.severity)
    subject = alerts[0].subject if len(alerts) == 1 else f"{len(alerts)} subjects"
    return masked_text(f"[{head}] {rule.name}{f': {subject}' if subject else ''}", 250)


def text(kind: str, rule: AlertRule, alerts: Sequence[Alert]) -> str:
    """The whole message as plain text."""
    signal = signal_named(rule.signal)
    lines = [f"Condition: {condition(rule)}"]
    for alert in alerts[:LISTED]:
        lines += _lines(kind, signal, alert)
    if len(alerts) > LISTED:
        lines.append(f"... and {len(alerts) - LISTED} more.")
    if kind != Kind.RESOLVED:
        lines.append(f"What to do: {signal.fix}")
        lines.append(f"Runbook: {link(runbook(rule))}")
    lines.append(f"Alerts: {link(reverse('monitoring:alerts'))}")
    return "\n".join(masked_text(line, 1500) for line in lines)


def _lines(kind: str, signal: Signal, alert: Alert) -> list[str]:
    since = timezone.localtime(alert.pending_since)
    lines = [f"{alert.subject or alert.rule_name}: {_value(kind, signal, alert)}"]
    lines.append(f"Since: {since:%Y-%m-%d %H:%M:%S %Z}")
    if alert.resolved_at:
        until = timezone.localtime(alert.resolved_at)
        lines.append(f"Until: {until:%Y-%m-%d %H:%M:%S %Z} ({_lasted(alert)})")
    if alert.detail and kind != Kind.RESOLVED:
        lines.append(alert.detail)
    if alert.url:
        lines.append(f"See: {link(alert.url)}")
    return lines


def _value(kind: str, signal: Signal, alert: Alert) -> str:
    shown = amount(alert.value, signal.unit)
    worst = amount(alert.worst, signal.unit)
    return f"{shown}, at worst {worst}" if kind == Kind.RESOLVED or worst != shown else shown


def _lasted(alert: Alert) -> str:
    lasted = (alert.resolved_at or alert.pending_since) - alert.pending_since
    return _seconds(max(lasted, timedelta()).total_seconds())


def content(kind: str, rule: AlertRule, alerts: Sequence[Alert]) -> dict[str, Any]:
    """The same for machines: the body of a webhook but for its id (docs/alerts.md)."""
    signal = signal_named(rule.signal)
    return {
        "kind": str(kind),
        "rule": {
            "name": rule.name,
            "code": rule.code,
            "signal": rule.signal,
            "condition": condition(rule),
            "filters": rule.filters,
            "threshold": rule.threshold,
            "unit": signal.unit.value,
        },
        "severity": str(rule.severity),
        "whatToDo": signal.fix,
        "runbook": link(runbook(rule)),
        "alerts": [_plain(alert) for alert in alerts],
    }


def _plain(alert: Alert) -> dict[str, Any]:
    return {
        "subject": alert.subject,
        "value": alert.value,
        "worst": alert.worst,
        "since": alert.pending_since.isoformat(timespec="seconds"),
        "resolvedAt": (
            alert.resolved_at.isoformat(timespec="seconds") if alert.resolved_at else None
        ),
        "detail": masked_text(alert.detail),
        "url": link(alert.url) if alert.url else "",
    }
