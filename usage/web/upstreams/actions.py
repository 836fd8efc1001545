"""What staff fix upstream from a finding: the statistics switch, and letting callers in again. Each
act is audited."""

from django.contrib.auth.models import User
from django.utils.translation import gettext

from management_proxy.client.usage import STATISTICS_SWITCH
from management_proxy.models import Upstream
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.observation import examine
from monitoring.audit import trail
from providers.configuration.changes import SetSwitch
from providers.errors import QueueFull
from providers.funnel.writes import perform
from providers.models import Intent

# How long the user who pressed the button waits.
WAIT_SECONDS = 10.0


def switch_statistics_on(upstream: Upstream, actor: User) -> str:
    """Turn the upstream's usage statistics on and learn its settings again; what went wrong, or
    nothing.

    It goes through the funnel like every write, since the upstream rewrites its configuration for
    it.
    """
    try:
        intent = perform(
            upstream,
            SetSwitch(path=STATISTICS_SWITCH, value=True),
            actor,
            "the doctor's advice",
            wait_seconds=WAIT_SECONDS,
        )
    except QueueFull as error:
        return str(error)
    if intent.is_waiting:
        return gettext(
            "other changes of this upstream are still ahead; it is switched on as soon as they are"
            " done"
        )
    if intent.state != Intent.State.VERIFIED:
        return intent.error or gettext("the change ended as “%(state)s”") % {
            "state": intent.get_state_display()
        }
    examine(upstream)
    return ""


def let_callers_in(upstream: Upstream, actor: User) -> str:
    """Open the access again and check the key by one request; what went
    wrong, or nothing."""
    allow_access(upstream)
    trail.record(
        actor,
        "upstream.callers_let_in",
        upstream.name,
        upstream=upstream.name,
        outcome=trail.Outcome.SUCCEEDED,
    )
    upstream.refresh_from_db()
    if examine(upstream):
        return ""
    upstream.refresh_from_db()
    return upstream.access_detail or upstream.examination_error
