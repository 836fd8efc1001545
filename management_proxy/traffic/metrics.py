"""What Prometheus gets about calls through the proxy (monitoring/metrics/registry.py adds up the
workers).

Labels are closed: the route is a policy's path, never the caller's; the outcome is a word of
`outcome_group`; upstreams are names that staff chose.
"""

from contextlib import AbstractContextManager
from functools import lru_cache
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily

from management_proxy.models import Access, Upstream, UpstreamBreaker
from management_proxy.traffic.calls import Call

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNLISTED = "unlisted"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_ROUTE = ("route", "method", "upstream")

CALLS = Counter("management_proxy_calls", "Calls that are over.", [*_ROUTE, "outcome", "status"])
PHASES = Histogram(
    "management_proxy_phase_seconds",
    "Where the time of a call went.",
    [*_ROUTE, "outcome", "phase"],
    buckets=_SECONDS,
)
ATTEMPTS = Counter("management_proxy_attempts", "Attempts made upstream.", _ROUTE)
BYTES = Counter(
    "management_proxy_bytes",
    "Bytes of bodies, to the upstream and from it.",
    [*_ROUTE, "direction"],
)
REJECTIONS = Counter(
    "management_proxy_rejections",
    "Calls that the proxy itself refused, by the code of the envelope.",
    ["upstream", "reason"],
)
IN_FLIGHT = Gauge(
    "management_proxy_in_flight",
    "Calls that hold a slot.",
    ["upstream"],
    multiprocess_mode="livesum",
)


def in_flight(upstream: Upstream) -> AbstractContextManager[None]:
    """Count one call as in flight until the context ends."""
    tracked: AbstractContextManager[None] = IN_FLIGHT.labels(upstream.name).track_inprogress()
    return tracked


def count(call: Call) -> None:
    """Count a call that is over."""
    route = (call.route or UNLISTED, method_of(call), call.upstream)
    outcome = outcome_group(call)
    _series(CALLS, *route, outcome, f"{call.status // 100}xx").inc()
    for phase, seconds in phases_of(call).items():
        _series(PHASES, *route, outcome, phase).observe(seconds)
    _series(ATTEMPTS, *route).inc(call.attempts)
    _series(BYTES, *route, "in").inc(call.bytes_in)
    _series(BYTES, *route, "out").inc(call.bytes_out)
    if outcome in ("refused", "failed"):
        _series(REJECTIONS, call.upstream, call.outcome).inc()


@lru_cache(maxsize=4096)
def _series(metric: Any, *labels: str) -> Any:
    # Finding it among all of them costs more than counting.
    return metric.labels(*labels)


def method_of(call: Call) -> str:
    """The method, if it is one; callers may send any word."""
    return call.method if call.method in METHODS else "other"


def outcome_group(call: Call) -> str:
    """`passed`, `upstream_error` (its own 5xx), `refused` (our 4xx), `failed` (our 5xx), `cut` or
    `caller_left`."""
    if call.outcome == "passed":
        return "passed" if call.status < 500 else "upstream_error"
    if call.outcome in ("cut", "caller_left"):
        return call.outcome
    return "refused" if call.status < 500 else "failed"


def phases_of(call: Call) -> dict[str, float]:
    """Seconds of each phase that the call went through."""
    ours = {"ours": call.own_seconds}
    if not call.attempts:
        return ours | ({"waited": call.waited_seconds} if call.waited_seconds else {})
    theirs = {
        "waited": call.waited_seconds,
        "connect": call.connect_seconds,
        "first_byte": call.first_byte_seconds,
        "body": call.body_seconds,
    }
    return ours | theirs


def upstream_gauges() -> list[GaugeMetricFamily]:
    """Whether each upstream lets us in, and the state of its breaker: 1 for the state that it is
    in."""
    access = GaugeMetricFamily(
        "management_proxy_access",
        "1 for the state of the access to an upstream.",
        labels=["upstream", "state"],
    )
    breaker = GaugeMetricFamily(
        "management_proxy_breaker",
        "1 for the state of the breaker of an upstream.",
        labels=["upstream", "state"],
    )
    for upstream in Upstream.objects.select_related("breaker"):
        row = getattr(upstream, "breaker", None)
        for state in Access.values:
            access.add_metric([upstream.name, state], float(upstream.access == state))
        for state in UpstreamBreaker.State.values:
            breaker.add_metric(
                [upstream.name, state],
                float((row.state if row else UpstreamBreaker.State.CLOSED) == state),
            )
    return [access, breaker]
