"""Gauges of collection, read from the runs: the same whichever process collects."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from django.db.models import Count
from prometheus_client.core import GaugeMetricFamily, Metric

from management_proxy.models import Upstream
from monitoring.planned_statements import rows
from usage.collector.spool import pages_in
from usage.collector.spool_health import folder_of
from usage.collector.status import upstream_states
from usage.completeness.report import completeness_of
from usage.models import CollectorRun, DeadLetter

_COUNTS = ("popped", "stored", "duplicates", "dead_lettered")


def collector_gauges() -> Iterator[Metric]:
    """When collection last succeeded for each upstream, and what its last run did."""
    success = GaugeMetricFamily(
        "usage_collector_last_success_timestamp_seconds",
        "End of the last run that succeeded.",
        labels=["upstream"],
    )
    failed = GaugeMetricFamily(
        "usage_collector_last_run_failed", "1 if the last run did not succeed.", labels=["upstream"]
    )
    took = GaugeMetricFamily(
        "usage_collector_last_run_duration_seconds",
        "How long the last run took.",
        labels=["upstream"],
    )
    counts = GaugeMetricFamily(
        "usage_collector_last_run_events",
        "Events of the last run, by what became of them.",
        labels=["upstream", "fate"],
    )
    for state in upstream_states():
        name = [state.upstream.name]
        if state.last_success_at:
            success.add_metric(name, state.last_success_at.timestamp())
        if run := state.last_run:
            failed.add_metric(
                name,
                float(
                    run.status not in (CollectorRun.Status.SUCCEEDED, CollectorRun.Status.RUNNING)
                ),
            )
            took.add_metric(name, (run.duration_ms or 0) / 1000)
            for fate in _COUNTS:
                counts.add_metric([*name, fate], getattr(run, fate))
    yield from (success, failed, took, counts)


def dead_letter_gauges() -> Iterator[Metric]:
    """Dead letters that wait for a fix, by why they could not be stored."""
    waiting = DeadLetter.objects.filter(state=DeadLetter.State.PENDING).order_by()
    counts = dict(waiting.values_list("reason").annotate(count=Count("pk")))
    gauge = GaugeMetricFamily(
        "usage_dead_letters_pending",
        "Elements that could not be stored and were not replayed yet.",
        labels=["reason"],
    )
    for reason in DeadLetter.Reason.values:
        gauge.add_metric([reason], counts.get(reason, 0))
    yield gauge


def completeness_gauges() -> Iterator[Metric]:
    """Over the last seven days, as the monitoring page says."""
    share = GaugeMetricFamily(
        "usage_collected_ratio",
        "Collected share of the events that there were, last 7 days.",
        labels=["upstream"],
    )
    lost = GaugeMetricFamily(
        "usage_lost_events", "Events known to be lost, last 7 days.", labels=["upstream"]
    )
    unrecorded = GaugeMetricFamily(
        "usage_unrecorded_attempts",
        "Attempts made while usage statistics were off upstream, last 7 days.",
        labels=["upstream"],
    )
    for measured in completeness_of(list(Upstream.objects.all())):
        if measured.share is not None:
            share.add_metric([measured.upstream], measured.share)
            lost.add_metric([measured.upstream], measured.lost)
            unrecorded.add_metric([measured.upstream], measured.unrecorded)
    yield from (share, lost, unrecorded)


def backlog_gauges() -> Iterator[Metric]:
    """What waits on this host, and the newest attempt that is stored."""
    waiting = GaugeMetricFamily(
        "usage_spool_bytes",
        "Bytes of popped pages in the spool of the scraped host.",
        labels=["upstream"],
    )
    for upstream in Upstream.objects.all():
        waiting.add_metric([upstream.name], sum(map(_size, pages_in(folder_of(upstream.pk)))))
    yield waiting
    ((newest,),) = rows('/* usage.health.gauges */ SELECT max("timestamp") FROM usage_event', [])
    if newest:
        yield GaugeMetricFamily(
            "usage_newest_event_timestamp_seconds",
            "When the newest of the stored attempts began.",
            value=newest.timestamp(),
        )


def _size(path: Path) -> int:
    # A page may be stored, and its file gone, meanwhile.
    with suppress(OSError):
        return path.stat().st_size
    return 0
