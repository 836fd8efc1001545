"""What rules can watch of the management proxy, and the rule that does from the start."""

from collections.abc import Iterable, Iterator

from django.urls import reverse
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream, UpstreamBreaker
from monitoring.alerts.default_rules import DefaultRule
from monitoring.alerts.signals import Filter, Measurement, Reading, Signal, Unit


def _upstreams() -> Iterable[tuple[str, str]]:
    return ((name, name) for name in Upstream.objects.values_list("name", flat=True))


def open_breakers(query: Measurement) -> Iterator[Reading]:
    """Seconds since which a breaker is not closed, by upstream; 0 where it is."""
    name = query.filters.get("upstream")
    for upstream in Upstream.objects.select_related("breaker"):
        breaker: UpstreamBreaker | None = getattr(upstream, "breaker", None)
        is_open = breaker is not None and breaker.state != UpstreamBreaker.State.CLOSED
        if breaker and is_open and name in (None, upstream.name):
            seconds = (query.end - breaker.changed_at).total_seconds()
            about = {"reason": breaker.reason or gettext("unknown")}
            detail = gettext("The last failure: %(reason)s.") % about
            yield Reading(max(seconds, 1.0), upstream.name, detail, _page())


def _page() -> str:
    return reverse("proxy-pages:traffic")


SIGNALS = (
    Signal(
        "proxy.breaker_open",
        _("Time for which the proxy's breaker is open"),
        Unit.SECONDS,
        open_breakers,
        _("Check the upstream; the breaker tries again by itself. Close it to retry at once."),
        (Filter("upstream", _("Upstream"), _upstreams),),
        url_name="proxy-pages:traffic",
    ),
)
DEFAULTS = (
    DefaultRule("breaker_open", gettext_noop("Proxy breaker open"), "proxy.breaker_open", 1),
)
