"""What the probes check of collection, from what is known: no upstream is requested."""

from management_proxy.models import Access, UpstreamBreaker
from usage.collector.spool_health import refusal
from usage.collector.status import UpstreamState, upstream_states
from usage.models import CollectorRun
from usage.models.failures import FailureClass

_OUT_OF_REACH = (FailureClass.CONNECTION, FailureClass.TIMEOUT, FailureClass.AUTH)


def spool_is_writable() -> bool:
    """Whether a popped page could be kept on this host."""
    return not refusal()


def upstreams_respond() -> bool:
    """Whether every enabled upstream lets us in and responded last time."""
    has_open_breaker = (
        UpstreamBreaker.objects.filter(upstream__is_enabled=True)
        .exclude(state=UpstreamBreaker.State.CLOSED)
        .exists()
    )
    return not has_open_breaker and all(
        _responds(state) for state in upstream_states() if state.upstream.is_enabled
    )


def _responds(state: UpstreamState) -> bool:
    run = state.last_run
    has_failed = bool(run and run.status == CollectorRun.Status.FAILED)
    out_of_reach = bool(run and has_failed and run.failure_class in _OUT_OF_REACH)
    return state.upstream.access == Access.OPEN and not out_of_reach
