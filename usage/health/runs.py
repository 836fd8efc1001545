"""Whether a collector is at work for an upstream, and how its last run ended."""

from datetime import timedelta

from django.db.models import OuterRef, Subquery
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.models import CollectionMode, Upstream
from monitoring.health import Finding, Level, once
from monitoring.texts.recorded import in_language
from monitoring.web.formats import day_and_time
from usage.collector.status import UpstreamState
from usage.health.access import settings_of
from usage.models import CollectorRun

Status = CollectorRun.Status

# No look at the queue for this long, or half the retention, means that no collector runs.
SILENCE_SECONDS = 60.0


def judge_collector(state: UpstreamState) -> Finding | None:
    """Whether anybody looks at the queue, and under which lease."""
    upstream, run = state.upstream, state.last_run
    limit = max(SILENCE_SECONDS, (upstream.retention_seconds or 0) / 2)
    last = run and (run.ended_at or run.started_at)
    if state.is_held and state.lease:
        return Finding(
            Level.OK,
            gettext("The collect lease is held by %(holder)s.") % {"holder": state.lease.holder},
            subject=upstream.name,
        )
    if last and timezone.now() - last < timedelta(seconds=limit):
        ago = max((timezone.now() - last).total_seconds(), 0)
        return Finding(
            Level.OK,
            gettext(
                "The queue was last polled %(seconds)s s ago; between two polls that are far "
                "apart, no collector holds the lease."
            )
            % {"seconds": f"{ago:.0f}"},
            subject=upstream.name,
        )
    return Finding(
        Level.ERROR,
        gettext("No collector has polled the queue since %(instant)s.")
        % {"instant": day_and_time(last)}
        if last
        else gettext("No collector has polled the queue yet."),
        gettext("The upstream forgets events after its retention."),
        gettext(
            "Start `manage.py collect_usage --loop` (`make run` does), and see that it stays up."
        ),
        subject=upstream.name,
    )


def judge_first_run(state: UpstreamState) -> Finding | None:
    """The very first run, before whose first page nothing can be shown."""
    if (
        state.last_success_at
        or state.last_run is None
        or not state.is_held
        or state.last_run.status != Status.RUNNING
    ):
        return None
    return Finding(
        Level.NOTICE,
        gettext("The first run is in progress."),
        gettext("Events show as soon as its first page is stored."),
        gettext("Nothing: reload the page in a few seconds."),
        subject=state.upstream.name,
    )


def judge_success(state: UpstreamState) -> Finding | None:
    """Runs that end badly for another reason than the upstream."""
    run = state.last_run
    if run is None or run.status not in (Status.ABANDONED, Status.LEASE_LOST):
        return None
    return Finding(
        Level.NOTICE,
        gettext("The last run ended as “%(status)s”: %(error)s.")
        % {"status": run.get_status_display(), "error": in_language(run.error)},
        gettext("What it had popped is in the spool and is stored by the next run."),
        gettext("Nothing, unless it happens often: then see why the process ends or stalls."),
        subject=state.upstream.name,
    )


def judge_push(state: UpstreamState) -> Finding | None:
    """Whether an upstream that should push does."""
    upstream, run = state.upstream, state.last_run
    if upstream.collection_mode != CollectionMode.PUSH or run is None:
        return None
    if run.trigger == CollectorRun.Trigger.PUSH and run.status != Status.FAILED:
        return Finding(Level.OK, gettext("Events are pushed."), subject=upstream.name)
    error = once("failed pushes", _errors_of_pushes).get(upstream.pk)
    return Finding(
        Level.NOTICE,
        gettext("Events are pulled for now: %(error)s.") % {"error": in_language(error)}
        if error
        else gettext("Events are pulled for now."),
        gettext("Nothing is lost by that; they show some seconds later."),
        gettext(
            "Nothing if the upstream was restarted: it is subscribed to again by itself. If it"
            " happens often, set it to pull."
        ),
        subject=upstream.name,
        action=settings_of(upstream),
    )


def _errors_of_pushes() -> dict[int, str | None]:
    """Why the last push that failed did so, of each upstream that should push."""
    failed = CollectorRun.objects.filter(
        upstream=OuterRef("pk"), trigger=CollectorRun.Trigger.PUSH, status=Status.FAILED
    )
    newest = failed.order_by("-started_at").values("error")[:1]
    pushing = Upstream.objects.filter(collection_mode=CollectionMode.PUSH)
    return dict(pushing.values_list("pk", Subquery(newest)))
