"""Gauges of the ground floor: leases, findings, periodic tasks and the database's connections."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring import health
from monitoring.api.recent import age_of_findings, recent_findings
from monitoring.models import Lease, PeriodicTask
from monitoring.planned_statements import rows

_CONNECTIONS = """
    /* monitoring.metrics.connections */
    SELECT coalesce(state, 'other'), count(*) FROM pg_stat_activity
    WHERE datname = current_database() GROUP BY 1
"""


def lease_gauges() -> Iterator[Metric]:
    """Who holds what is in the admin; here only whether, and how often the holder changed."""
    held = GaugeMetricFamily(
        "monitoring_lease_held", "1 while a process holds the lease.", labels=["lease"]
    )
    token = GaugeMetricFamily(
        "monitoring_lease_token", "Fencing token: one larger with every term.", labels=["lease"]
    )
    for lease in Lease.with_state():
        held.add_metric([lease.name], float(bool(lease.is_held)))  # type: ignore[attr-defined]
        token.add_metric([lease.name], lease.token)
    yield from (held, token)


def finding_gauges() -> Iterator[Metric]:
    """How many findings of each level the health checks have; alert on `error`."""
    found = Counter(finding.level for finding in recent_findings())
    gauge = GaugeMetricFamily(
        "monitoring_findings", "Findings of the health checks.", labels=["level"]
    )
    for level in health.Level:
        gauge.add_metric([level.value], found[level])
    yield gauge
    yield GaugeMetricFamily(
        "monitoring_findings_age_seconds",
        "How long ago the health checks were run.",
        value=age_of_findings(),
    )


def task_gauges() -> Iterator[Metric]:
    """When each periodic task ended, and whether it failed or found trouble; the comparison of
    rollups and events is one."""
    ended = GaugeMetricFamily(
        "monitoring_task_ended_timestamp_seconds", "When it ended last.", labels=["task"]
    )
    failed = GaugeMetricFamily("monitoring_task_failed", "1 if it failed.", labels=["task"])
    trouble = GaugeMetricFamily(
        "monitoring_task_trouble", "1 if it found trouble.", labels=["task"]
    )
    for task in PeriodicTask.objects.all():
        if task.ended_at:
            ended.add_metric([task.name], task.ended_at.timestamp())
        failed.add_metric([task.name], float(task.status == PeriodicTask.Status.FAILED))
        trouble.add_metric([task.name], float(task.status == PeriodicTask.Status.TROUBLE))
    yield from (ended, failed, trouble)


def connection_gauges() -> Iterator[Metric]:
    """Connections to the database, of all processes, and how many there may be."""
    held = GaugeMetricFamily(
        "monitoring_database_connections", "Connections, by their state.", labels=["state"]
    )
    for state, count in rows(_CONNECTIONS, []):
        held.add_metric([state], count)
    ((most,),) = rows("SELECT current_setting('max_connections')::int", [])
    yield held
    yield GaugeMetricFamily(
        "monitoring_database_connections_max", "Most that the server allows.", value=most
    )
