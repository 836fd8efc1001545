"""Collections that a person or a script requests: of which upstreams, noted in the audit trail."""

from django.contrib.auth.models import AnonymousUser, User
from django.utils.translation import gettext_noop as _

from management_proxy.models import Upstream
from management_proxy.upstreams.registry import ensure_environment_upstream
from monitoring.audit import trail
from monitoring.texts.recorded import Recorded
from usage.collector.collect import RunInProgress, collect
from usage.models import CollectorRun

_NONE = Recorded(_("no upstream"))
Outcomes = list[tuple[Upstream, CollectorRun | RunInProgress]]


def collect_each(actor: User | AnonymousUser, name: str = "") -> Outcomes:
    """Collect once from every enabled upstream, or from the one of that name; what came of each.

    Whoever calls with the collector's key does so all the time, and is not noted. Raises what
    `collect` raises.
    """
    ensure_environment_upstream()
    chosen = Upstream.objects.filter(is_enabled=True)
    upstreams = list(chosen.filter(name=name) if name else chosen)
    if actor.is_authenticated:
        trail.record(
            actor,
            "collection.triggered",
            ", ".join(u.name for u in upstreams) or _NONE(),
            outcome=trail.Outcome.SUCCEEDED if upstreams else trail.Outcome.REFUSED,
        )
    return [(upstream, collect(upstream, CollectorRun.Trigger.HTTP)) for upstream in upstreams]
