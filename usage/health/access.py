"""Whether an upstream can be collected from: paused or not, access, reach, version.

They read what was last learnt; no upstream is requested. Facts of the upstream: contract 1.3 to 1.5
(access), 3 (versions).
"""

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from management_proxy.models import Access, Upstream, UsageInterface
from monitoring.encryption import UndecryptableError
from monitoring.health import Action, Finding, Level
from monitoring.texts.recorded import in_language
from usage.collector.status import UpstreamState
from usage.models import CollectorRun

Status = CollectorRun.Status


def judge_pause(state: UpstreamState) -> Finding | None:
    """A paused upstream is not collected from."""
    if state.upstream.is_enabled:
        return None
    return Finding(
        Level.NOTICE,
        gettext("Collection is paused."),
        gettext("The upstream forgets events after its retention."),
        gettext("Resume it in the administration."),
        subject=state.upstream.name,
        action=settings_of(state.upstream),
    )


def settings_of(upstream: Upstream) -> Action:
    """The link to the upstream's settings."""
    return Action(
        "Settings", "admin:management_proxy_upstream_change", (upstream.pk,), is_link=True
    )


def judge_access(state: UpstreamState) -> Finding | None:
    """Whether the upstream accepts our key, as last learnt."""
    upstream = state.upstream
    if upstream.access == Access.KEY_REJECTED:
        return _key_rejected(upstream)
    until = upstream.blocked_until
    if upstream.access == Access.BANNED and until and until > timezone.now():
        return _banned(upstream, until)
    if not _has_key(upstream):
        return _without_key(upstream)
    if upstream.observed_at is None:
        return None
    return Finding(
        Level.OK, gettext("The upstream accepts the management key."), subject=upstream.name
    )


def _key_rejected(upstream: Upstream) -> Finding:
    return Finding(
        Level.ERROR,
        gettext("The upstream refused the management key (%(reason)s).")
        % {"reason": in_language(upstream.access_detail)},
        gettext("Everything has stopped: five wrong keys would ban this address for 30 minutes."),
        gettext("Correct MANAGEMENT_API_KEY and restart, then restore access.")
        if upstream.from_environment
        else gettext("Enter the right key in its settings, then restore access."),
        subject=upstream.name,
        action=Action(gettext("Restore access"), "upstreams:let-in", (upstream.pk,)),
    )


def _banned(upstream: Upstream, until: datetime) -> Finding:
    return Finding(
        Level.ERROR,
        gettext("The upstream bans this address until %(time)s.")
        % {"time": f"{timezone.localtime(until):%H:%M:%S}"},
        gettext(
            "Five requests with a wrong or no key came from here. What its retention does not cover"
            " is lost."
        ),
        gettext(
            "Find what sent them (another dashboard, a probe without a key). Collection resumes by"
            " itself; restarting the upstream lifts the ban."
        ),
        subject=upstream.name,
    )


def _without_key(upstream: Upstream) -> Finding:
    return Finding(
        Level.ERROR,
        gettext("The management key cannot be used: it is missing, or no encryption key fits it."),
        gettext("No request is sent without a key."),
        gettext(
            "Put the secret that wrote it back at the end of ENCRYPTION_KEYS, or enter the key"
            " again in its settings."
        ),
        subject=upstream.name,
        action=settings_of(upstream),
    )


def _has_key(upstream: Upstream) -> bool:
    try:
        return bool(
            settings.MANAGEMENT_API_KEY if upstream.from_environment else upstream.stored_key
        )
    except UndecryptableError:
        return False


def judge_reach(state: UpstreamState) -> Finding | None:
    """Whether it responds: the doctor's last check, or the last run if that is newer."""
    upstream, run = state.upstream, state.last_run
    error = upstream.examination_error
    ended = run.ended_at if run else None
    if run and ended and (upstream.examined_at is None or ended > upstream.examined_at):
        error = run.error if run.status == Status.FAILED else ""
    if upstream.access != Access.OPEN or not (error or upstream.observed_at):
        return None
    if not error:
        return Finding(Level.OK, gettext("The upstream responds."), subject=upstream.name)
    return Finding(
        Level.ERROR,
        gettext("The last attempt failed: %(error)s") % {"error": in_language(error)},
        gettext("What is not collected within the upstream's retention is lost."),
        gettext(
            "Check that the upstream runs, that %(address)s is its address, and the "
            "network in between."
        )
        % {"address": upstream.management_url},
        subject=upstream.name,
        action=settings_of(upstream),
    )


def judge_interface(state: UpstreamState) -> Finding | None:
    """Whether its version offers the usage queue."""
    upstream = state.upstream
    version = f"CLIProxyAPI {upstream.version}" if upstream.version else gettext("This CLIProxyAPI")
    if upstream.usage_interface == UsageInterface.QUEUE:
        return Finding(
            Level.OK,
            gettext("%(version)s has the usage queue.") % {"version": version},
            subject=upstream.name,
        )
    if upstream.usage_interface == UsageInterface.UNKNOWN:
        return None
    text = (
        gettext("%(version)s is too old: it has only sums of usage.")
        if upstream.usage_interface == UsageInterface.AGGREGATES
        else gettext("%(version)s is too old: it has no HTTP route to its usage queue.")
    )
    return Finding(
        Level.ERROR,
        text % {"version": version},
        gettext("Single events cannot be collected from it."),
        gettext("Upgrade it to 6.10.8 or newer; 7.2.97 or newer reports tokens in full."),
        subject=upstream.name,
    )
