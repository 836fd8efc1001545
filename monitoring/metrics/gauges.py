"""Gauges of the ground floor: leases and findings."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring import health
from monitoring.models import Lease


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
    found = Counter(finding.level for finding in health.findings())
    gauge = GaugeMetricFamily(
        "monitoring_findings", "Findings of the health checks.", labels=["level"]
    )
    for level in health.Level:
        gauge.add_metric([level.value], found[level])
    yield gauge
