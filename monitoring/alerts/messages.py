"""What a message says: what, since when, how much, the filter, where to look and what to do; in the
active language, which for what is sent is that of the channel."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from monitoring.alerts.default_rules import default_rules, shown_name
from monitoring.alerts.signals import Signal, Unit, UnknownSignal, signal_named
from monitoring.masking import masked_text
from monitoring.models import Alert, AlertMessage, AlertRule
from monitoring.templatetags.figures import inside
from monitoring.texts.recorded import in_language
from monitoring.web.formats import instant, localized

Kind = AlertMessage.Kind
LISTED = 10
_HEADS = {
    Kind.FIRING: _("[%(severity)s] %(rule)s"),
    Kind.REMINDER: _("[still firing, %(severity)s] %(rule)s"),
    Kind.RESOLVED: _("[resolved] %(rule)s"),
}
_UNITS = (
    (86_400, _("%(number)s d")),
    (3600, _("%(number)s h")),
    (60, _("%(number)s min")),
)


def amount(value: float, unit: Unit) -> str:
    """A value with its unit: `34.5 %`, `2 min`, `1,200 tokens`."""
    if unit is Unit.PERCENT:
        return gettext("%(number)s %%") % {"number": localized(f"{value:.4g}")}
    if unit is Unit.SECONDS:
        return _seconds(value)
    number = localized(f"{value:,.0f}")
    return gettext("%(number)s tokens") % {"number": number} if unit is Unit.TOKENS else number


def _seconds(value: float) -> str:
    for size, text in _UNITS:
        if abs(value) >= 2 * size:
            return str(text) % {"number": localized(f"{value / size:.3g}")}
    return gettext("%(number)s s") % {"number": localized(f"{value:.3g}")}


def condition(rule: AlertRule) -> str:
    """`Failure rate of 10 min: at least 50 %, model gpt-5`; of an unknown signal its name."""
    try:
        signal = signal_named(rule.signal)
    except UnknownSignal:
        return rule.signal
    watched = {
        "signal": signal.label,
        "window": _seconds(rule.window_seconds),
        "comparison": rule.get_comparison_display(),
        "limit": amount(rule.threshold, signal.unit),
    }
    over_window = gettext("%(signal)s of %(window)s: %(comparison)s %(limit)s")
    at_once = gettext("%(signal)s: %(comparison)s %(limit)s")
    parts = [(over_window if signal.has_window else at_once) % watched]
    if signal.is_state and rule.comparison == AlertRule.Comparison.AT_LEAST:
        parts = [str(signal.label)]
    if signal.has_volume and rule.least_volume:
        parts.append(
            gettext("of at least %(count)s") % {"count": localized(f"{rule.least_volume:,}")}
        )
    parts += [_named(signal, *pair) for pair in rule.filters.items()]
    if rule.hold_seconds:
        parts.append(gettext("for %(time)s") % {"time": _seconds(rule.hold_seconds)})
    return pgettext("between conditions", ", ").join(parts)


def _named(signal: Signal, name: str, value: str) -> str:
    """`client key laptop`; a filter that the signal does not know as it is stored."""
    known = next((f for f in signal.filters if f.name == name), None)
    label, shown = (inside(str(known.label)), known.named(value)) if known else (name, value)
    return gettext("%(filter)s %(value)s") % {"filter": label, "value": shown}


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
    count = len(alerts)
    several = ngettext("%(count)s subject", "%(count)s subjects", count) % {"count": count}
    subject = in_language(alerts[0].subject) if count == 1 else several
    name = shown_name(rule.code, rule.name)
    named = gettext("%(rule)s: %(subject)s") % {"rule": name, "subject": subject}
    about = {"severity": rule.get_severity_display(), "rule": named if subject else name}
    return masked_text(str(_HEADS[Kind(kind)]) % about, 250)


def text(kind: str, rule: AlertRule, alerts: Sequence[Alert]) -> str:
    """The whole message as plain text."""
    signal = signal_named(rule.signal)
    lines = [gettext("Condition: %(condition)s") % {"condition": condition(rule)}]
    for alert in alerts[:LISTED]:
        lines += _lines(kind, rule, signal, alert)
    if (more := len(alerts) - LISTED) > 0:
        rest = ngettext("... and %(count)s more.", "... and %(count)s more.", more)
        lines.append(rest % {"count": more})
    if kind != Kind.RESOLVED:
        lines.append(gettext("What to do: %(fix)s") % {"fix": signal.fix})
        lines.append(gettext("Runbook: %(section)s") % {"section": link(runbook(rule))})
    address = link(reverse("monitoring:alerts"))
    lines.append(gettext("Alerts: %(address)s") % {"address": address})
    return "\n".join(masked_text(line, 1500) for line in lines)


def _lines(kind: str, rule: AlertRule, signal: Signal, alert: Alert) -> list[str]:
    named = in_language(alert.subject) or shown_name(rule.code, alert.rule_name)
    subject = {"subject": named, "value": _value(kind, signal, alert)}
    lines = [
        gettext("%(subject)s: %(value)s") % subject,
        gettext("Since: %(instant)s") % {"instant": instant(alert.pending_since)},
    ]
    if alert.resolved_at:
        about = {"instant": instant(alert.resolved_at), "time": _lasted(alert)}
        lines.append(gettext("Until: %(instant)s (%(time)s)") % about)
    if alert.detail and kind != Kind.RESOLVED:
        lines.append(alert.shown_detail)
    if alert.url:
        lines.append(gettext("See: %(address)s") % {"address": link(alert.url)})
    return lines


def _value(kind: str, signal: Signal, alert: Alert) -> str:
    shown = amount(alert.value, signal.unit)
    worst = amount(alert.worst, signal.unit)
    if kind == Kind.RESOLVED or worst != shown:
        return gettext("%(value)s, at worst %(worst)s") % {"value": shown, "worst": worst}
    return shown


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
        "whatToDo": str(signal.fix),
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
        "detail": masked_text(alert.shown_detail),
        "url": link(alert.url) if alert.url else "",
    }
