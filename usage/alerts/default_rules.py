"""The rules that watch usage and collection from the start, quiet on a healthy system."""

from django.utils.translation import gettext_noop as _

from monitoring.alerts.default_rules import DefaultRule
from monitoring.models import AlertRule, Severity

AT_MOST = AlertRule.Comparison.AT_MOST
CRITICAL, NOTICE = Severity.CRITICAL, Severity.NOTICE

DEFAULTS = (
    # A minute of retention is the upstream's default: there is no time to lose.
    DefaultRule("collector_stalled", _("Collector stalled"), "collector.silence", 45, CRITICAL),
    DefaultRule("collection_fails", _("Collection fails"), "collector.failing", 60, CRITICAL),
    DefaultRule(
        "key_rejected",
        _("Management key rejected"),
        "upstream.access",
        1,
        CRITICAL,
        filters={"reason": "key_rejected"},
    ),
    DefaultRule(
        "address_banned",
        _("Address banned by the upstream"),
        "upstream.access",
        1,
        CRITICAL,
        filters={"reason": "banned"},
    ),
    DefaultRule(
        "statistics_off", _("Usage statistics off"), "upstream.statistics_off", 1, CRITICAL
    ),
    DefaultRule(
        "another_consumer",
        _("Another consumer takes events"),
        "collector.lost_events",
        1,
        CRITICAL,
        filters={"cause": "another_consumer"},
    ),
    DefaultRule("events_lost", _("Events lost"), "collector.lost_events", 1),
    DefaultRule(
        "incomplete",
        _("Collection incomplete"),
        "collector.completeness",
        99,
        comparison=AT_MOST,
        window_seconds=86_400,
    ),
    DefaultRule("dead_letters", _("Dead letters"), "usage.dead_letters", 1),
    DefaultRule("spool_refused", _("Spool not writable"), "spool.refused", 1, CRITICAL),
    DefaultRule("spool_waiting", _("Pages wait in the spool"), "spool.pages", 1, hold_seconds=120),
    DefaultRule(
        "disk_full",
        _("Disk almost full"),
        "spool.disk_free",
        5,
        comparison=AT_MOST,
        hold_seconds=60,
    ),
    DefaultRule(
        "failures",
        _("Many attempts fail"),
        "usage.failure_rate",
        50,
        window_seconds=900,
        least_volume=20,
        hold_seconds=60,
        calm_seconds=300,
    ),
    DefaultRule(
        "cooldowns",
        _("Credentials cool down"),
        "usage.failure_rate",
        25,
        filters={"failure_class": "cooldown"},
        window_seconds=900,
        least_volume=20,
        calm_seconds=300,
    ),
    DefaultRule(
        "slow_first_token",
        _("Slow first token"),
        "usage.ttft_p95",
        60,
        window_seconds=900,
        least_volume=20,
        hold_seconds=60,
        calm_seconds=300,
    ),
    DefaultRule(
        "unusual_traffic",
        _("Traffic far above usual"),
        "usage.attempts_against_usual",
        1000,
        NOTICE,
        window_seconds=3600,
        least_volume=100,
        hold_seconds=300,
        calm_seconds=900,
    ),
)
