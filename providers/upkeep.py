"""What is done by itself now and then: changes settled, keys removed that are due, upstreams
compared, secrets forgotten."""

from collections.abc import Iterable
from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from management_proxy.client.errors import UpstreamError
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.periodic import Task
from providers.accounts.states import keep_states
from providers.bulk.carrying_out import resume
from providers.client_keys.actions import remove_due
from providers.drift.actions import forget_changes
from providers.drift.queries import check_drift
from providers.funnel.writes import finish_waiting
from providers.models import DriftCheck, Intent

COMPARED_EVERY = timedelta(minutes=10)


def tend(upstreams: Iterable[Upstream]) -> str:
    """Look after these upstreams; an outage that is over is followed by a comparison at once."""
    reports = [_tend_one(upstream) for upstream in upstreams]
    forget_changes()
    return "; ".join(reports) or "No upstream is enabled."


def _tend_one(upstream: Upstream) -> str:
    if Intent.objects.filter(upstream=upstream, state__in=Intent.UNSETTLED).exists():
        finish_waiting(upstream, wait_seconds=1)
    resume(upstream)
    removed = remove_due(upstream)
    check = DriftCheck.objects.filter(upstream=upstream).first()
    if check is None or check.error or check.checked_at < timezone.now() - COMPARED_EVERY:
        check = check_drift(upstream)
    trouble = f" ({check.error})" if check.error else ""
    return (
        f"{upstream.name}: {len(removed)} keys removed, {len(check.differences)}"
        f" differences{trouble}"
    )


TEND = Task(
    "providers",
    _("Settle changes, remove client keys that are due, compare with the upstreams"),
    lambda: tend(Upstream.objects.filter(is_enabled=True)),
    timedelta(minutes=1),
    why=_("Changes may stay uncertain, and client keys may live on beyond their end or limit."),
    fix=(
        _(
            "See the log for the reason; manage.py reconcile_providers --apply does the same by"
            " hand."
        )
    ),
)


def read_accounts(upstreams: Iterable[Upstream]) -> str:
    """Keep the states of the accounts of these upstreams."""
    return "; ".join(_read_accounts_of(upstream) for upstream in upstreams) or "No upstream."


def _read_accounts_of(upstream: Upstream) -> str:
    try:
        return f"{upstream.name}: {len(keep_states(upstream, client_for(upstream)))} accounts"
    except UpstreamError as error:  # the states of the last time stay
        return f"{upstream.name}: {error}"


ACCOUNTS = Task(
    "accounts",
    _("Keep the states of the accounts"),
    lambda: read_accounts(Upstream.objects.filter(is_enabled=True)),
    timedelta(minutes=1),
    why=_("Alerts about accounts are judged by what was last read."),
    fix=_("See the log for the reason."),
)
