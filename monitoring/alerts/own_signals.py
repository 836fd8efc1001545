"""What Tollgate itself has to watch: its database, the doctor's findings, undelivered messages."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from monitoring.alerts.default_rules import DefaultRule
from monitoring.alerts.outage import CODE, FIX
from monitoring.alerts.signals import Filter, Measurement, Reading, Signal, Unit
from monitoring.health import Level, findings
from monitoring.models import AlertMessage, Severity


def database_outage(query: Measurement) -> Iterator[Reading]:
    """Nothing while it can be evaluated; `monitoring/alerts/outage.py` does what is needed when it
    cannot."""
    yield Reading(0.0)


def finding_levels(query: Measurement) -> Iterator[Reading]:
    """The rank of the worst finding of each check and subject: 1 notice, 2 warning, 3 error."""
    wanted = query.filters.get("check")
    worst: dict[str, Reading] = {}
    for finding in findings():
        if finding.level == Level.OK or wanted not in (None, finding.check):
            continue
        subject = f"{finding.check}: {finding.subject}" if finding.subject else finding.check
        reading = Reading(float(finding.level.rank), subject, finding.summary)
        if subject not in worst or (worst[subject].value or 0) < finding.level.rank:
            worst[subject] = reading
    yield from worst.values()


def undelivered_messages(query: Measurement) -> Iterator[Reading]:
    """Messages given up or waiting for more than ten minutes, by channel."""
    late = query.end - timedelta(minutes=10)
    counts: dict[str, int] = {}
    messages = AlertMessage.objects.filter(created_at__gt=query.start)
    for name, state, created_at in messages.values_list("channel_name", "state", "created_at"):
        is_late = state in ("waiting", "sending") and created_at < late
        counts[name] = counts.get(name, 0) + (state == "undelivered" or is_late)
    yield from (Reading(float(count), name) for name, count in counts.items())


SIGNALS = (
    Signal(
        "monitoring.database_outage",
        _("Database out of reach"),
        Unit.SECONDS,
        database_outage,
        FIX,
        url_name="monitoring:doctor",
    ),
    Signal(
        "monitoring.findings",
        _("Level of the doctor's findings (1 notice, 2 warning, 3 error)"),
        Unit.COUNT,
        finding_levels,
        _("Take the step that the doctor's page names beside the finding."),
        filters=(Filter("check", _("Check")),),
        url_name="monitoring:doctor",
    ),
    Signal(
        "monitoring.undelivered_messages",
        _("Alert messages not delivered"),
        Unit.COUNT,
        undelivered_messages,
        _(
            "Open the channel on the page Alerts, read its last response, correct its address and"
            " send a test."
        ),
        has_window=True,
    ),
)
DEFAULTS = (
    DefaultRule(
        CODE,
        gettext_noop("Database unreachable"),
        "monitoring.database_outage",
        60,
        Severity.CRITICAL,
    ),
    DefaultRule(
        "messages_undelivered",
        gettext_noop("Alert messages not delivered"),
        "monitoring.undelivered_messages",
        1,
        window_seconds=86_400,
    ),
)
