"""Whether one query says where failures come from, and one scrape where time goes."""

import json
import urllib.request
from contextlib import suppress

from prometheus_client.parser import text_string_to_metric_families

from tests.gate.load import Gate, eventually
from tests.gate.stack.stack import METRICS_TOKEN

# What an operator's dashboard and alerts need after any load (docs/metrics.md).
NEEDED = (
    "monitoring_http_requests",
    "monitoring_http_request_duration_seconds",
    "monitoring_http_phase_seconds",
    "management_proxy_calls",
    "management_proxy_attempts",
    "management_proxy_phase_seconds",
    "usage_collector_runs",
    "usage_collector_events",
    "usage_model_attempts",
    "usage_query_duration_seconds",
    "providers_changes",
    "monitoring_lease_token",
)
# Collectors share what they count every ten seconds.
SHARED_SECONDS = 20.0


def run(gate: Gate) -> None:
    """After the loads: failures by class in one response, and the metrics in one."""
    query = "/api/usage/breakdown?group_by=failure_class&outcome=failed"
    data = json.loads(gate.staff(fresh=True).send("failures", query).body)["data"]
    named = [g for g in data["groups"] if g["failure_class"]["value"] not in ("", "(empty)")]
    explained = sum(group["attempts"] for group in named)
    gate.record.figure("observability.failures", data["totals"]["failed"])
    unexplained = data["totals"]["failed"] - explained
    gate.record.figure("observability.failures_unexplained", unexplained)
    missing = missing_metrics(gate)
    for name in sorted(missing):
        gate.record.incident(f"the metric {name} is missing")
    gate.record.figure("observability.metrics_missing", len(missing))


def missing_metrics(gate: Gate) -> set[str]:
    """What no scrape showed."""
    missing = set(NEEDED)

    def are_shown() -> bool:
        missing.difference_update(with_samples(metrics(gate)))
        return not missing

    with suppress(TimeoutError):
        eventually(are_shown, SHARED_SECONDS)
    return missing


def with_samples(scrape: str) -> set[str]:
    """The metrics of which a scrape has at least one sample."""
    return {family.name for family in text_string_to_metric_families(scrape) if family.samples}


def metrics(gate: Gate) -> str:
    """What the first instance shows to Prometheus."""
    request = urllib.request.Request(  # noqa: S310
        f"{gate.stack.urls[0]}/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"}
    )
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
        return str(response.read().decode())
