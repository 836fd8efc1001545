"""Alerts of a demonstration: those that fired before it began, and two that still do.

What fires about accounts is continued by the evaluation of rules, which finds the same subjects in
the same state (`belongings.py`); the alert about yesterday's outage fits the events that the
simulator's past has of it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, override

from config.stack.demonstration.past_acts import Act
from config.stack.demonstration.people import STAFF, on_day
from management_proxy.models import Upstream
from management_proxy.simulator.accounts.troubles import TROUBLES, Trouble
from management_proxy.simulator.traffic.story import ILL_PROVIDER, Story
from monitoring.models import Alert, AlertRule, Severity
from monitoring.texts.recorded import in_language

State = Alert.State
_MINUTE = timedelta(minutes=1)
_TICK = timedelta(seconds=10)
OUTAGE_RULE = "Claude fails"
_OUTAGE = {
    "signal": "usage.failure_rate",
    "filters": {"provider": ILL_PROVIDER},
    "threshold": 60,
    "window_seconds": 1800,
    "least_volume": 10,
    "hold_seconds": 300,
    "severity": Severity.CRITICAL,
}


@dataclass(frozen=True)
class Past:
    """One alert that is over: of which rule and subject, since when, for how long it breached, the
    worst value, its detail in the active language, and how long after it fired the administrator
    took care (None: not)."""

    rule: AlertRule
    subject: str
    since: datetime
    breached: timedelta
    worst: float
    detail: Callable[[], str]
    url: str
    acknowledged: timedelta | None = None


def store_alerts(upstream: Upstream, now: datetime) -> list[Act]:
    """Store them with a rule that people made themselves; the acts that there were."""
    rule, _ = AlertRule.objects.get_or_create(name=OUTAGE_RULE, defaults=_OUTAGE)
    rules = {known.code: known for known in AlertRule.objects.exclude(code="")}
    past = [
        *_of_the_host(rules, upstream, now),
        *_of_accounts(rules, now),
        _of_the_outage(rule, now),
    ]
    past.sort(key=lambda one: one.since)
    alerts = [*map(_over, past), *(_present(rules, trouble, now) for trouble in TROUBLES)]
    Alert.objects.bulk_create(alerts)
    made = {"signal": rule.signal, "filters": rule.filters, "threshold": rule.threshold}
    return [
        Act(on_day(now, 25, "11:40:09"), STAFF, "alert_rule.created", rule.name, detail=made),
        *(
            Act(alert.acknowledged_at, STAFF, "alert.acknowledged", str(alert))
            for alert in alerts
            if alert.acknowledged_at
        ),
    ]


def _over(one: Past) -> Alert:
    details = _in_each_language(one.detail)
    fired = one.since + timedelta(seconds=one.rule.hold_seconds)
    ended = one.since + one.breached
    return Alert(
        rule=one.rule,
        rule_name=one.rule.name,
        subject=one.subject,
        severity=one.rule.severity,
        state=State.RESOLVED,
        value=one.rule.threshold,
        worst=one.worst,
        detail=details[settings.DEFAULT_LANGUAGE],
        details=details,
        url=one.url,
        pending_since=one.since,
        fired_at=fired,
        announced_at=fired,
        breached_at=ended,
        resolved_at=ended + timedelta(seconds=one.rule.calm_seconds) + _TICK,
        acknowledged_at=fired + one.acknowledged if one.acknowledged else None,
        acknowledged_by=STAFF if one.acknowledged else "",
    )


def _in_each_language(detail: Callable[[], str]) -> dict[str, str]:
    details = {}
    for language, _name in settings.LANGUAGES:
        with override(language):
            details[language] = detail()
    return details


def _of_the_host(rules: dict[str, AlertRule], upstream: Upstream, now: datetime) -> Iterator[Past]:
    page = reverse("monitoring:page")
    at, minutes = on_day(now, 23, "03:12:40"), 6 * _MINUTE
    about = {"instant": f"{timezone.localtime(at):%H:%M:%S %Z}"}
    stalled = rules["collector_stalled"]
    yield Past(
        stalled,
        upstream.name,
        at,
        minutes,
        minutes.total_seconds(),
        lambda: gettext("No collector has polled it since %(instant)s.") % about,
        page,
    )
    at, minutes = on_day(now, 6, "07:31:05"), 3 * _MINUTE
    error = "cannot connect: [Errno 111] Connection refused"
    yield Past(
        rules["collection_fails"],
        upstream.name,
        at,
        minutes,
        minutes.total_seconds(),
        lambda: gettext("The last run failed: %(error)s") % {"error": in_language(error)},
        page,
    )


def _of_accounts(rules: dict[str, AlertRule], now: datetime) -> Iterator[Past]:
    page = reverse("accounts:list")
    reached, expired = "codex: The usage limit has been reached", "claude: OAuth token has expired"
    for code, name, at, hours, detail, acknowledged in (
        ("account_cooling", "bob", on_day(now, 16, "14:22:31"), 1.7, reached, None),
        ("account_failing", "heidi", on_day(now, 5, "09:03:18"), 3.2, expired, 12 * _MINUTE),
    ):
        breached = timedelta(hours=hours)
        email = f"{name}@example.com"
        worst = breached.total_seconds() + rules[code].threshold
        said = partial(str, detail)  # by the provider
        yield Past(rules[code], email, at, breached, worst, said, page, acknowledged)


def _of_the_outage(rule: AlertRule, now: datetime) -> Past:
    """The failures must outweigh what went well in the window before, and then leave the window."""
    begins, ends = Story(int(now.timestamp())).outage()
    since = datetime.fromtimestamp(begins, UTC) + 16 * _MINUTE
    breached = datetime.fromtimestamp(ends, UTC) + 17 * _MINUTE - since
    url = f"{reverse('usage:events')}?outcome=failed&provider={ILL_PROVIDER}&range=7d"
    about = {"failed": 21, "attempts": 21}

    def detail() -> str:
        return gettext("%(failed)s of %(attempts)s attempts failed.") % about

    return Past(rule, "", since, breached, 100, detail, url, 6 * _MINUTE)


def _present(rules: dict[str, AlertRule], trouble: Trouble, now: datetime) -> Alert:
    """One that fires: a login that is refused is known to the administrator since long."""
    is_refused = trouble.lasts is None
    rule = rules["account_failing" if is_refused else "account_cooling"]
    provider, message = trouble.file.partition("-")[0], trouble.error["message"]
    since = now - timedelta(seconds=trouble.since - rule.threshold) + _TICK
    return Alert(
        rule=rule,
        rule_name=rule.name,
        subject=trouble.email,
        severity=rule.severity,
        state=State.FIRING,
        value=trouble.since,
        worst=trouble.since,
        detail=f"{provider}: {message}",
        url=reverse("accounts:list"),
        pending_since=since,
        fired_at=since,
        announced_at=since,
        breached_at=now,
        acknowledged_at=since + 35 * _MINUTE if is_refused else None,
        acknowledged_by=STAFF if is_refused else "",
    )
