"""Whether an upstream's queue keeps events for us: its switch, retention and clock (contract 2.2,
2.3), and whether all that it counted was collected."""

from django.conf import settings

from management_proxy.models import Upstream
from monitoring.health import Action, Finding, Level
from usage.collector.cadence import longest_wait
from usage.collector.status import UpstreamState
from usage.completeness.report import (
    completeness,
    lost_recently,
    sentence,
    unrecorded_recently,
)
from usage.health.access import settings_of
from usage.models.completeness import CompletenessInterval

# Clocks further apart than this put events into the wrong minutes.
CLOCK_TOLERANCE_SECONDS = 5.0
# Below this retention, a short outage of the collector already loses events.
COMFORTABLE_RETENTION_SECONDS = 600


def judge_statistics(state: UpstreamState) -> Finding | None:
    """The switch that decides whether events reach the queue at all."""
    upstream = state.upstream
    if upstream.statistics_enabled is None:
        return None
    if upstream.statistics_enabled:
        return Finding(
            Level.OK, "Usage statistics are switched on upstream.", subject=upstream.name
        )
    return Finding(
        Level.ERROR,
        "Usage statistics are switched off upstream (usage-statistics-enabled: false).",
        "No request is recorded: no event reaches the queue.",
        "Switch them on here, or set usage-statistics-enabled: true in its configuration.",
        subject=upstream.name,
        action=Action("Switch statistics on", "upstreams:statistics-on", (upstream.pk,)),
    )


def judge_unrecorded(state: UpstreamState) -> Finding | None:
    """Attempts of the time in which statistics were off, also once they are on again."""
    unrecorded = unrecorded_recently(state.upstream)
    if unrecorded is None:
        return None
    return Finding(
        Level.NOTICE,
        f"{unrecorded}.",
        "They made no event: no figure contains them, and they cannot be recovered.",
        "Keep usage-statistics-enabled: true upstream. Under Monitoring, Completeness lists the"
        " times.",
        subject=state.upstream.name,
    )


def judge_retention(state: UpstreamState) -> Finding | None:
    """How long the queue keeps events, against how often we look."""
    upstream, retention = state.upstream, state.upstream.retention_seconds
    if not retention:
        return None
    advice = "Set redis-usage-queue-retention-seconds: 3600 in the upstream's configuration."
    if longest_wait(retention) < settings.COLLECTOR_INTERVAL_SECONDS:
        return Finding(
            Level.WARNING,
            f"The interval of {settings.COLLECTOR_INTERVAL_SECONDS:g} s is more than a third of the"
            f" upstream's retention of {retention} s.",
            "The loop polls more often than configured; a collection started from outside would"
            " lose events.",
            f"Lower COLLECTOR_INTERVAL_SECONDS. {advice}",
            subject=upstream.name,
        )
    if retention < COMFORTABLE_RETENTION_SECONDS:
        return Finding(
            Level.NOTICE,
            f"The upstream forgets events after {retention} s.",
            "A restart or outage of the collector longer than that loses events.",
            advice,
            subject=upstream.name,
        )
    return Finding(Level.OK, f"The upstream keeps events for {retention} s.", subject=upstream.name)


def judge_clock(state: UpstreamState) -> Finding | None:
    """Whether both clocks agree."""
    upstream, ahead = state.upstream, state.upstream.clock_ahead_seconds
    if ahead is None:
        return None
    if abs(ahead) <= CLOCK_TOLERANCE_SECONDS:
        return Finding(Level.OK, "Its clock and ours agree.", subject=upstream.name)
    return Finding(
        Level.WARNING,
        f"Its clock is {abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} ours.",
        "Events carry the upstream's time, so charts and alerts are shifted by that.",
        "Run a time service (chrony, systemd-timesyncd) on both hosts.",
        subject=upstream.name,
    )


def judge_completeness(state: UpstreamState) -> Finding | None:
    """Events that the upstream counted and that never came, and who takes them."""
    lost = lost_recently(state.upstream)
    if not lost:
        return _how_complete(state.upstream)
    if any(interval.cause == CompletenessInterval.Cause.ANOTHER_CONSUMER for interval in lost):
        return Finding(
            Level.ERROR,
            f"Another consumer takes events of this upstream: {sentence(lost[0])}.",
            "Each event is delivered once: to the first reader, or only to subscribers. A"
            " subscriber that does not read loses them.",
            "Stop the other dashboard or script that reads /usage-queue or subscribes over RESP, or"
            " let both subscribe: set this upstream to push.",
            subject=state.upstream.name,
            action=settings_of(state.upstream),
        )
    return Finding(
        Level.WARNING,
        f"{sentence(lost[0])}.",
        "They appear in no figure and cannot be recovered.",
        "Remove the cause; a retention of 3600 s upstream bridges an hour.",
        subject=state.upstream.name,
    )


def _how_complete(upstream: Upstream) -> Finding | None:
    measured = completeness(upstream)
    if measured.share is None:
        return None
    lost = f", {measured.lost:,} lost" if measured.lost else ""
    off = (
        f"; {measured.unrecorded:,} were made while usage statistics were off and are in no figure"
        if measured.unrecorded
        else ""
    )
    return Finding(
        Level.OK,
        f"Collected {measured.share_text} of the events there were, of {measured.counted:,}"
        f" counted attempts{lost}{off}, last 7 days.",
        subject=upstream.name,
    )
