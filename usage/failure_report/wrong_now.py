"""What is wrong now, in one list: firing alerts, findings of the doctor, and the failure classes
that take a notable share of the newest traffic.

Alerts and findings are for staff; other users get the failures of their own client keys. "Now" is
the present quarter of an hour and the three before, which are summed already.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.urls import reverse
from django.utils import timezone

from monitoring.alerts.queries import AlertRow, firing
from monitoring.api.recent import recent_findings
from monitoring.health import Finding, Level
from monitoring.models import Severity
from usage.failures.guidance import Guidance, guidance_of
from usage.history.dimensions import Dimension
from usage.history.queries import Query
from usage.history.scope import Scope
from usage.history.windows import Interval

_QUARTER = timedelta(minutes=15)
_EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
# A few failures belong to healthy traffic.
LEAST_FAILURES = 5
LEAST_SHARE = 5.0
MOST_CAUSES = 5
# By a finding's part of the runbook: the signals of which a firing alert says the same of its
# subject.
_SAID_BY = {
    "upstream reach": ("collector.failing",),
    "upstream collector": ("collector.silence",),
    "upstream statistics": ("upstream.statistics_off",),
    "upstream access": ("upstream.access",),
    "upstream completeness": ("collector.completeness",),
    "drift": ("providers.differences",),
    "changes": ("providers.unsettled",),
    "dead letters": ("usage.dead_letters",),
}


@dataclass(frozen=True)
class Cause:
    """A failure class: how often now, its share of the attempts in percent, and its events."""

    guidance: Guidance
    count: int
    share: float
    events: str


@dataclass(frozen=True)
class WrongNow:
    """What is wrong, the most urgent of each kind first."""

    alerts: list[AlertRow]
    findings: list[Finding]
    causes: list[Cause]
    since: datetime

    @property
    def is_quiet(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.alerts or self.findings or self.causes)

    @property
    def is_urgent(self) -> bool:
        """Whether any of it cannot wait."""
        return bool(self.urgent or self.findings or self.causes)

    @property
    def urgent(self) -> list[AlertRow]:
        """The alerts that are more than a notice."""
        return [row for row in self.alerts if row.alert.severity != Severity.NOTICE]

    @property
    def notices(self) -> list[AlertRow]:
        """The alerts that can wait; the page shows them on demand."""
        return [row for row in self.alerts if row.alert.severity == Severity.NOTICE]


def wrong_now(
    user: AbstractBaseUser | AnonymousUser, findings: Iterable[Finding] | None = None
) -> WrongNow:
    """What a user may know of it; `findings` are those of the doctor if they were read already."""
    scope = Scope.of(user)
    now = present(timezone.now())
    if not scope.sees_everything:
        return WrongNow([], [], causes(scope, now), now.start)
    found = recent_findings() if findings is None else findings
    alerts = firing()
    return WrongNow(alerts, list(_unsaid(found, alerts)), causes(scope, now), now.start)


def _unsaid(findings: Iterable[Finding], alerts: Sequence[AlertRow]) -> Iterator[Finding]:
    """What is urgent of the findings and no alert says already, unless it has a button that fixes
    it."""
    said = {(row.signal.name, row.alert.subject) for row in alerts if row.signal}
    for finding in findings:
        if finding.level not in (Level.WARNING, Level.ERROR):
            continue
        fixes = finding.action is not None and not finding.action.is_link
        signals = _SAID_BY.get(finding.section or finding.check, ())
        if fixes or not any((name, finding.subject) in said for name in signals):
            yield finding


def present(instant: datetime) -> Interval:
    """The quarter of an hour that an instant is in, and the three before."""
    quarter = instant - (instant - _EPOCH) % _QUARTER
    return Interval(quarter - 3 * _QUARTER, quarter + _QUARTER)


def causes(scope: Scope, interval: Interval) -> list[Cause]:
    """The failure classes that take a notable share of the attempts, the most frequent first."""
    query = Query([interval], scope, groups=(Dimension.FAILURE_CLASS,))
    counts = {row["group_1"]: row["attempts"] for row in query.sums(("attempts",))}
    attempts = sum(counts.values())
    notable = [
        Cause(guidance_of(name), count, 100 * count / attempts, _events(name, interval))
        for name, count in counts.items()
        if name and count >= LEAST_FAILURES and 100 * count >= LEAST_SHARE * attempts
    ]
    return notable[:MOST_CAUSES]


def _events(failure_class: str, interval: Interval) -> str:
    first, last = (timezone.localdate(edge) for edge in (interval.start, interval.end - _QUARTER))
    pairs = {"failure_class": failure_class, "range": "custom", "from": first, "to": last}
    return f"{reverse('usage:events')}?{urlencode(pairs)}"
