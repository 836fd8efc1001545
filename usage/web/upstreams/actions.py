"""What staff do to upstreams by a button: the statistics switch, letting callers in, collecting.
Each act is audited."""

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from management_proxy.client.usage import STATISTICS_SWITCH
from management_proxy.models import Upstream
from management_proxy.upstreams.access import allow_access
from management_proxy.upstreams.observation import examine
from monitoring.audit import trail
from monitoring.templatetags.figures import exact
from monitoring.texts.recorded import Recorded, in_language
from monitoring.web.formats import amount_of_time
from providers.configuration.changes import SetSwitch
from providers.errors import QueueFull
from providers.funnel.writes import perform
from providers.models import Intent
from usage.collector.by_hand import collect_each
from usage.collector.collect import RunInProgress
from usage.collector.status import upstream_states
from usage.models import CollectorRun

# How long the user who pressed the button waits.
WAIT_SECONDS = 10.0
# The loop polls every few seconds.
FRESH_SECONDS = 10.0
_ADVISED = Recorded(gettext_noop("the doctor's advice"))


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
            _ADVISED(),
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
        return in_language(intent.error) or gettext("the change ended as “%(state)s”") % {
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
    return in_language(upstream.access_detail or upstream.examination_error)


def collect_now(actor: User) -> list[tuple[bool, str]]:
    """Collect once from every upstream; of each whether it went well, and how it went."""
    found = [_collected(*outcome) for outcome in collect_each(actor)]
    return found or [(False, gettext("No upstream is configured or enabled."))]


def _collected(upstream: Upstream, outcome: CollectorRun | RunInProgress) -> tuple[bool, str]:
    if isinstance(outcome, RunInProgress):
        went_well, text = True, _beside(upstream, outcome)
    elif outcome.status == CollectorRun.Status.SUCCEEDED:
        about = {"stored": exact(outcome.stored), "duplicates": exact(outcome.duplicates)}
        text = gettext("Collected. Stored: %(stored)s; duplicates: %(duplicates)s.") % about
        went_well = True
    else:
        reason = in_language(outcome.error) or outcome.get_status_display()
        text = gettext("Collection failed: %(reason)s.") % {"reason": reason}
        went_well = False
    return went_well, f"{upstream.name}: {text}"


def _beside(upstream: Upstream, busy: RunInProgress) -> str:
    """What it means that another process collects: the loop holds its run between two polls, so
    what it collected a moment ago is up to date."""
    state = next(state for state in upstream_states() if state.upstream == upstream)
    if last := state.last_success_at:
        age = (timezone.now() - last).total_seconds()
        if age <= FRESH_SECONDS:
            time = amount_of_time(max(age, 0.0))
            return gettext("Up to date: collected %(time)s ago.") % {"time": time}
    time = amount_of_time(busy.age_seconds)
    return gettext("A run has been in progress for %(time)s.") % {"time": time}
