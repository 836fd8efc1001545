"""Why events of an interval are missing, by the evidence there is: switch, runs, counters; the
first that fits."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q

from management_proxy.client.usage import DEFAULT_RETENTION_SECONDS
from management_proxy.models import CollectionMode, Upstream
from usage.completeness.matching import Lines, looks_stolen
from usage.models import CollectorRun
from usage.models.completeness import CompletenessInterval, CounterSample

Cause = CompletenessInterval.Cause
Status = CollectorRun.Status
# What breaks a connection after the pop; `cannot connect` means that nothing was popped.
_BREAKS = Q(
    status=Status.FAILED, failure_class__in=("timeout", "connection", "invalid_response")
) & ~Q(error__startswith="cannot connect")


class Why(NamedTuple):
    """A cause and what is known of it in a sentence, without the cause's own words."""

    cause: CompletenessInterval.Cause
    detail: str


WITHOUT_EVENT = Why(
    Cause.WITHOUT_EVENT, "token counting and streams cut short are counted, but make no event"
)


def cause_of(
    upstream: Upstream, first: CounterSample, last: CounterSample, lines: Lines, recently: Lines
) -> Why:
    """Why something is missing between two samples; `recently` are the lines of a harmless stretch
    just before."""
    if not (first.statistics_enabled and last.statistics_enabled):
        return Why(
            Cause.STATISTICS_OFF, "no event was made while usage statistics were switched off"
        )
    if silence := _longest_silence(upstream, first.taken_at, last.taken_at):
        return silence
    if last.restarted:
        return Why(Cause.RESTARTED, "what was still queued went with it and cannot be counted")
    if broken := CollectorRun.objects.filter(
        _BREAKS | Q(status=Status.ABANDONED),
        upstream=upstream,
        ended_at__range=(first.taken_at, last.taken_at),
    ).first():
        pushed = broken.trigger == CollectorRun.Trigger.PUSH
        return Why(
            Cause.PUSH_DROPPED if pushed else Cause.BROKEN_POP,
            broken.error or "the collector died with a page on its way",
        )
    if looks_stolen(lines, recently):
        who = (
            "a collector that pops the same queue"
            if upstream.collection_mode == CollectionMode.PUSH
            else "a subscriber or a second collector"
        )
        return Why(Cause.ANOTHER_CONSUMER, f"{who} takes events away")
    return WITHOUT_EVENT


def _longest_silence(upstream: Upstream, start: datetime, end: datetime) -> Why | None:
    """A time longer than the retention without a successful look, if there is one."""
    retention = timedelta(seconds=upstream.retention_seconds or DEFAULT_RETENTION_SECONDS)
    runs = CollectorRun.objects.filter(upstream=upstream, status=Status.SUCCEEDED)
    before = (
        runs.filter(ended_at__lt=start)
        .order_by("-ended_at")
        .values_list("ended_at", flat=True)
        .first()
    )
    # From the start of a run to its end the queue was looked at.
    within = (
        runs.filter(ended_at__gte=start, started_at__lt=end)
        .order_by("started_at")
        .values_list("started_at", "ended_at")
    )
    ends = [before or start, *(ended for _, ended in within if ended)]
    starts = [*(started for started, _ in within), end]
    since, until = max(zip(ends, starts, strict=True), key=lambda pair: pair[1] - pair[0])
    if until - since <= retention:
        return None
    length = (
        f"{(until - since).total_seconds():.0f} s, the upstream keeps events for"
        f" {retention.total_seconds():.0f} s"
    )
    failed = CollectorRun.objects.filter(
        upstream=upstream, status=Status.FAILED, started_at__range=(since, until)
    ).first()
    if failed is None:
        return Why(Cause.STOPPED, f"no poll for {length}")
    cause = Cause.REFUSED if failed.failure_class == "auth" else Cause.UNREACHABLE
    return Why(cause, f"no poll succeeded for {length}: {failed.error}"[:300])
