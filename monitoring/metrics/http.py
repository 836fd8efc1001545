"""What Prometheus shows of requests to Tollgate itself."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter(
    "monitoring_http_requests", "Requests that are over.", ["route", "method", "status"]
)
DURATIONS = Histogram(
    "monitoring_http_request_duration_seconds",
    "From the request to the end of its response.",
    ["route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
PHASES = Counter(
    "monitoring_http_phase_seconds",
    "Where the time of requests went: database, upstream, cache, ours.",
    ["route", "phase"],
)
POLLS = Counter(
    "monitoring_http_polls",
    "Requests that pages send by themselves, by the region's address; 304 is nothing new.",
    ["route", "status"],
)
IN_FLIGHT = Gauge(
    "monitoring_http_in_flight",
    "Requests that wait for the beginning of their response.",
    multiprocess_mode="livesum",
)


def count(
    route: str, method: str, status: int, phases: Mapping[str, float], *, is_poll: bool
) -> None:
    """Count a request that is over; seconds by phase."""
    _series(REQUESTS, route, method, f"{status // 100}xx").inc()
    _series(DURATIONS, route).observe(sum(phases.values()))
    for phase, seconds in phases.items():
        if seconds:
            _series(PHASES, route, phase).inc(seconds)
    if is_poll:
        _series(POLLS, route, "304" if status == 304 else f"{status // 100}xx").inc()


@lru_cache(maxsize=4096)
def _series(metric: Any, *labels: str) -> Any:
    # Finding it among all of them costs more than counting.
    return metric.labels(*labels)
