"""Signals of collection: they read rows; no upstream is requested."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Access, Upstream
from monitoring.alerts.signals import Filter, Measurement, Reading, Signal, Unit, one_of
from monitoring.texts.recorded import in_language
from monitoring.web.formats import localized
from usage.collector.cadence import LONGEST_BACKOFF_SECONDS, LONGEST_IDLE_SECONDS
from usage.collector.status import UpstreamState, upstream_states
from usage.completeness.report import completeness_of
from usage.models import CollectorRun
from usage.models.completeness import LOSSES, CompletenessInterval

Cause = CompletenessInterval.Cause
_FAILURES_READ = timedelta(days=1)


def _causes() -> Iterable[tuple[str, str]]:
    return sorted((cause.value, str(cause.label)) for cause in LOSSES)


def _reasons() -> Iterable[tuple[str, str]]:
    return ((access.value, str(access.label)) for access in Access if access != Access.OPEN)


def _wanted(query: Measurement) -> Iterator[UpstreamState]:
    name = query.filters.get("upstream")
    states = query.once("upstream states", upstream_states)
    return (s for s in states if s.upstream.is_enabled and name in (None, s.upstream.name))


def silence(query: Measurement) -> Iterator[Reading]:
    """Seconds since a collector last polled or held its lease, beyond what it may wait by its own
    cadence; upstreams that let us in."""
    for state in _wanted(query):
        upstream = state.upstream
        if upstream.access == Access.OPEN:
            last = max(_signs_of_life(state), default=upstream.created_at)
            seconds = max((query.end - last).total_seconds() - _may_wait(state), 0.0)
            about = {"instant": f"{timezone.localtime(last):%H:%M:%S %Z}"}
            detail = gettext("No collector has polled it since %(instant)s.") % about
            yield Reading(seconds, upstream.name, detail, _page())


def _may_wait(state: UpstreamState) -> float:
    """By how much longer than usual it waits: after a failure, or with a long interval."""
    if state.last_run and state.last_run.status == CollectorRun.Status.FAILED:
        return LONGEST_BACKOFF_SECONDS
    return max(settings.COLLECTOR_INTERVAL_SECONDS - LONGEST_IDLE_SECONDS, 0.0)


def _signs_of_life(state: UpstreamState) -> list[datetime]:
    run, lease = state.last_run, state.lease
    signs = [run and (run.ended_at or run.started_at), lease and lease.renewed_at]
    return [sign for sign in signs if sign]


def _page() -> str:
    return reverse("monitoring:page")


def failing(query: Measurement) -> Iterator[Reading]:
    """Seconds for which every run has failed; 0 while the newest that ended succeeded."""
    failed = dict(
        CollectorRun.objects.filter(
            status=CollectorRun.Status.FAILED, started_at__gt=query.end - _FAILURES_READ
        )
        .values_list("upstream")
        .annotate(Max("started_at"))
    )
    for state in _wanted(query):
        upstream, newest = state.upstream, failed.get(state.upstream.pk)
        since = state.last_success_at or upstream.created_at
        fails = newest is not None and newest >= since and upstream.access == Access.OPEN
        seconds = (query.end - since).total_seconds() if fails else 0.0
        yield Reading(
            max(seconds, 0.0), upstream.name, _last_error(state) if fails else "", _page()
        )


def _last_error(state: UpstreamState) -> str:
    run = (
        CollectorRun.objects.filter(upstream=state.upstream, status=CollectorRun.Status.FAILED)
        .order_by("-started_at")
        .first()
    )
    return (
        gettext("The last run failed: %(error)s") % {"error": in_language(run.error)} if run else ""
    )


def access(query: Measurement) -> Iterator[Reading]:
    """1 for an upstream that does not let us in, for any reason or the one wanted."""
    reason = query.filters.get("reason")
    for state in _wanted(query):
        upstream = state.upstream
        closed = upstream.access != Access.OPEN and reason in (None, upstream.access)
        over = upstream.access == Access.BANNED and (
            upstream.blocked_until is None or upstream.blocked_until <= query.end
        )
        about = {
            "state": upstream.get_access_display(),
            "detail": in_language(upstream.access_detail),
        }
        detail = gettext("%(state)s: %(detail)s") % about if closed else ""
        yield Reading(float(closed and not over), upstream.name, detail, _page())


def statistics_off(query: Measurement) -> Iterator[Reading]:
    """1 for an upstream that records no usage, as last learnt."""
    for state in _wanted(query):
        off = state.upstream.statistics_enabled is False
        detail = gettext("No event reaches the queue.") if off else ""
        yield Reading(float(off), state.upstream.name, detail, _page())


def lost_events(query: Measurement) -> Iterator[Reading]:
    """Events that the upstream counted and that never came, of stretches that ended in the
    window."""
    wanted = query.filters.get("cause")
    lost = dict(
        CompletenessInterval.objects.filter(
            ended_at__gt=query.start, cause__in=[wanted] if wanted else LOSSES
        )
        .values_list("upstream")
        .annotate(Sum("missing"))
    )
    for state in _wanted(query):
        count = lost.get(state.upstream.pk) or 0
        yield Reading(float(count), state.upstream.name, _lost(count, wanted), _page())


def _lost(count: int, cause: str | None) -> str:
    about = {"count": localized(f"{count:,}"), "cause": Cause(cause).label if cause else ""}
    if cause:
        text = ngettext(
            "%(count)s event lost (%(cause)s).", "%(count)s events lost (%(cause)s).", count
        )
    else:
        text = ngettext("%(count)s event lost.", "%(count)s events lost.", count)
    return text % about


def collected_share(query: Measurement) -> Iterator[Reading]:
    """Percent of the events there were that are stored; nothing where nothing was measured."""
    upstreams = [state.upstream for state in _wanted(query)]
    for measured in completeness_of(upstreams, query.window):
        share = None if measured.share is None else 100 * measured.share
        counts = {"stored": measured.stored, "lost": measured.lost}
        about = {name: localized(f"{count:,}") for name, count in counts.items()}
        detail = gettext("%(stored)s stored, %(lost)s lost.") % about
        yield Reading(share, measured.upstream, detail, _page())


def _upstreams() -> Iterable[tuple[str, str]]:
    return ((name, name) for name in Upstream.objects.values_list("name", flat=True))


_UPSTREAM = Filter("upstream", _("Upstream"), _upstreams)
SIGNALS = (
    Signal(
        "collector.silence",
        _("Time without a poll of the queue"),
        Unit.SECONDS,
        silence,
        _("Start `manage.py collect_usage --loop` (`make run` does) and see that it stays up."),
        (_UPSTREAM,),
        url_name="monitoring:page",
    ),
    Signal(
        "collector.failing",
        _("Time since which every run fails"),
        Unit.SECONDS,
        failing,
        _("Check that the upstream runs and is reachable; the doctor names the step."),
        (_UPSTREAM,),
        url_name="monitoring:page",
    ),
    Signal(
        "collector.lost_events",
        _("Lost events"),
        Unit.COUNT,
        lost_events,
        _(
            "Remove the cause that Monitoring names: another consumer of the queue, a collector"
            " that stopped, a short retention."
        ),
        (_UPSTREAM, one_of("cause", _("Cause"), _causes)),
        has_window=True,
        url_name="monitoring:page",
    ),
    Signal(
        "collector.completeness",
        _("Collected share of the events"),
        Unit.PERCENT,
        collected_share,
        _("Monitoring lists each stretch that lacks something, with its cause."),
        (_UPSTREAM,),
        has_window=True,
        url_name="monitoring:page",
    ),
    Signal(
        "upstream.access",
        _("Access to the upstream is closed"),
        Unit.COUNT,
        access,
        _(
            "Rejected key: correct it, then restore access. Ban: find what sends a wrong key; it"
            " ends by itself."
        ),
        (_UPSTREAM, one_of("reason", _("Reason"), _reasons)),
        is_state=True,
        url_name="monitoring:page",
    ),
    Signal(
        "upstream.statistics_off",
        _("Usage statistics are switched off upstream"),
        Unit.COUNT,
        statistics_off,
        _("Switch them on on the page Monitoring, or set usage-statistics-enabled: true."),
        (_UPSTREAM,),
        is_state=True,
        url_name="monitoring:page",
    ),
)
