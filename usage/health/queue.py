"""Whether an upstream's queue keeps events for us: its switch, retention and clock (contract 2.2,
2.3), and whether all that it counted was collected."""

from django.conf import settings
from django.utils.translation import gettext

from management_proxy.models import Upstream
from monitoring.health import Action, Finding, Level, once
from monitoring.web.formats import localized
from usage.collector.cadence import longest_wait
from usage.collector.status import UpstreamState
from usage.completeness.report import (
    Completeness,
    completeness_of,
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
            Level.OK, gettext("Usage statistics are switched on upstream."), subject=upstream.name
        )
    return Finding(
        Level.ERROR,
        gettext("Usage statistics are switched off upstream (usage-statistics-enabled: false)."),
        gettext("No request is recorded: no event reaches the queue."),
        gettext("Switch them on here, or set usage-statistics-enabled: true in its configuration."),
        subject=upstream.name,
        action=Action(gettext("Switch statistics on"), "upstreams:statistics-on", (upstream.pk,)),
    )


def judge_unrecorded(state: UpstreamState) -> Finding | None:
    """Attempts of the time in which statistics were off, also once they are on again."""
    unrecorded = once("unrecorded", unrecorded_recently).get(state.upstream.pk)
    if unrecorded is None:
        return None
    return Finding(
        Level.NOTICE,
        f"{unrecorded}.",
        gettext("They made no event: no figure contains them, and they cannot be recovered."),
        gettext(
            "Keep usage-statistics-enabled: true upstream. Under Monitoring, Completeness lists the"
            " times."
        ),
        subject=state.upstream.name,
    )


def judge_retention(state: UpstreamState) -> Finding | None:
    """How long the queue keeps events, against how often we look."""
    upstream, retention = state.upstream, state.upstream.retention_seconds
    if not retention:
        return None
    advice = gettext(
        "Set redis-usage-queue-retention-seconds: 3600 in the upstream's configuration."
    )
    if longest_wait(retention) < settings.COLLECTOR_INTERVAL_SECONDS:
        return Finding(
            Level.WARNING,
            gettext(
                "The interval of %(interval)s s is more than a third of the "
                "upstream's retention of %(retention)s s."
            )
            % {
                "interval": f"{settings.COLLECTOR_INTERVAL_SECONDS:g}",
                "retention": retention,
            },
            gettext(
                "The loop polls more often than configured; a collection started from outside would"
                " lose events."
            ),
            gettext("Lower COLLECTOR_INTERVAL_SECONDS. %(advice)s") % {"advice": advice},
            subject=upstream.name,
        )
    if retention < COMFORTABLE_RETENTION_SECONDS:
        return Finding(
            Level.NOTICE,
            gettext("The upstream forgets events after %(retention)s s.")
            % {"retention": retention},
            gettext("A restart or outage of the collector longer than that loses events."),
            advice,
            subject=upstream.name,
        )
    return Finding(
        Level.OK,
        gettext("The upstream keeps events for %(retention)s s.") % {"retention": retention},
        subject=upstream.name,
    )


def judge_clock(state: UpstreamState) -> Finding | None:
    """Whether both clocks agree."""
    upstream, ahead = state.upstream, state.upstream.clock_ahead_seconds
    if ahead is None:
        return None
    if abs(ahead) <= CLOCK_TOLERANCE_SECONDS:
        return Finding(Level.OK, gettext("Its clock and ours agree."), subject=upstream.name)
    return Finding(
        Level.WARNING,
        (
            gettext("Its clock is %(seconds)s s ahead of ours.")
            if ahead > 0
            else gettext("Its clock is %(seconds)s s behind ours.")
        )
        % {"seconds": f"{abs(ahead):.0f}"},
        gettext("Events carry the upstream's time, so charts and alerts are shifted by that."),
        gettext("Run a time service (chrony, systemd-timesyncd) on both hosts."),
        subject=upstream.name,
    )


def judge_completeness(state: UpstreamState) -> Finding | None:
    """Events that the upstream counted and that never came, and who takes them."""
    lost = once("lost", lost_recently).get(state.upstream.pk)
    if not lost:
        return _how_complete(state.upstream)
    if any(interval.cause == CompletenessInterval.Cause.ANOTHER_CONSUMER for interval in lost):
        return Finding(
            Level.ERROR,
            gettext("Another consumer takes events of this upstream: %(sentence)s.")
            % {"sentence": sentence(lost[0])},
            gettext(
                "Each event is delivered once: to the first reader, or only to subscribers. A"
                " subscriber that does not read loses them."
            ),
            gettext(
                "Stop the other dashboard or script that reads /usage-queue or subscribes over"
                " RESP, or let both subscribe: set this upstream to push."
            ),
            subject=state.upstream.name,
            action=settings_of(state.upstream),
        )
    return Finding(
        Level.WARNING,
        f"{sentence(lost[0])}.",
        gettext("They appear in no figure and cannot be recovered."),
        gettext("Remove the cause; a retention of 3600 s upstream bridges an hour."),
        subject=state.upstream.name,
    )


def _how_complete(upstream: Upstream) -> Finding | None:
    measured = once("completeness", _of_each_upstream).get(upstream.pk)
    if measured is None or measured.share is None:
        return None
    texts = {
        (False, False): gettext(
            "Collected %(share)s of the events there were, of %(counted)s counted attempts, last 7"
            " days."
        ),
        (True, False): gettext(
            "Collected %(share)s of the events there were, of %(counted)s counted attempts,"
            " %(lost)s lost, last 7 days."
        ),
        (False, True): gettext(
            "Collected %(share)s of the events there were, of %(counted)s counted attempts;"
            " %(off)s were made while usage statistics were off and are in no figure, last 7 days."
        ),
        (True, True): gettext(
            "Collected %(share)s of the events there were, of %(counted)s counted attempts,"
            " %(lost)s lost; %(off)s were made while usage statistics were off and are in no"
            " figure, last 7 days."
        ),
    }
    return Finding(
        Level.OK,
        texts[bool(measured.lost), bool(measured.unrecorded)]
        % {
            "share": localized(measured.share_text),
            "counted": localized(f"{measured.counted:,}"),
            "lost": localized(f"{measured.lost:,}"),
            "off": localized(f"{measured.unrecorded:,}"),
        },
        subject=upstream.name,
    )


def _of_each_upstream() -> dict[int, Completeness]:
    upstreams = list(Upstream.objects.all())
    measured = completeness_of(upstreams)
    return {upstream.pk: one for upstream, one in zip(upstreams, measured, strict=True)}
