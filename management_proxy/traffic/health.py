"""What monitoring shows of the proxy: breakers, for its page and among the findings of the
doctor."""

from collections.abc import Iterator
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.models import Upstream, UpstreamBreaker
from monitoring.health import Action, Finding, Level

State = UpstreamBreaker.State


def proxy_context(request: HttpRequest) -> dict[str, Any]:
    """Every upstream with its breaker; `seconds` is how long calls are still refused."""
    now = timezone.now()
    return {
        "doors": [_door(upstream, now) for upstream in Upstream.objects.select_related("breaker")]
    }


def _door(upstream: Upstream, now: Any) -> dict[str, Any]:
    breaker = getattr(upstream, "breaker", None)
    state = breaker.state if breaker else State.CLOSED
    seconds = (
        max(0.0, (breaker.until - now).total_seconds())
        if breaker and state != State.CLOSED
        else 0.0
    )
    return {
        "upstream": upstream,
        "breaker": breaker,
        "state": state,
        "seconds": seconds,
        "reason": breaker.reason if breaker else "",
    }


def check_breakers() -> Iterator[Finding]:
    """Breakers that are not closed."""
    for breaker in UpstreamBreaker.objects.exclude(state=State.CLOSED).select_related("upstream"):
        trying = breaker.state == State.HALF_OPEN or breaker.until <= timezone.now()
        yield Finding(
            Level.WARNING,
            (
                gettext("The proxy tries the upstream with one call.")
                if trying
                else gettext("The proxy's breaker is open: the upstream failed too often.")
            ),
            gettext(
                "Calls to its management API are refused meanwhile. The last failure: %(reason)s."
            )
            % {"reason": breaker.reason or gettext("unknown")},
            gettext("Fix the upstream; the breaker retries by itself. Close it to retry at once."),
            subject=breaker.upstream.name,
            action=Action(
                gettext("Close the breaker"), "proxy-pages:close-breaker", (breaker.upstream_id,)
            ),
        )
