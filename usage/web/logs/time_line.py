"""What Tollgate did and found, to be shown between the lines of the log: collector runs that stored
something or failed, changes of the upstream, and alerts. Instants are of the database's clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from management_proxy.models import Upstream
from monitoring.alerts.queries import AlertRow
from monitoring.models import Alert
from monitoring.templatetags.figures import exact
from monitoring.texts.recorded import in_language
from providers.models import Intent
from usage.models import CollectorRun

MOST = 100
_LONGEST_RUN = timedelta(hours=1)
_UNREMARKABLE = (CollectorRun.Status.RUNNING, CollectorRun.Status.SUCCEEDED)


@dataclass(frozen=True)
class Mark:
    """One thing that happened; `is_bad` if an operator should look at it."""

    at: datetime
    text: str
    url: str
    is_bad: bool = False

    @property
    def milliseconds(self) -> int:
        """Since 1970."""
        return int(self.at.timestamp() * 1000)


def marks(upstream: Upstream, since: datetime) -> list[Mark]:
    """The newest from `since` on, oldest first; alerts are those of all upstreams."""
    found = [*_runs(upstream, since), *_changes(upstream, since), *_alerts(since)]
    return sorted(found, key=lambda mark: mark.at)[-MOST:]


def _runs(upstream: Upstream, since: datetime) -> Iterator[Mark]:
    runs = CollectorRun.objects.filter(
        Q(stored__gt=0) | ~Q(status__in=_UNREMARKABLE),
        upstream=upstream,
        started_at__gte=since - _LONGEST_RUN,
        ended_at__gte=since,
    )
    for run in runs.order_by("-started_at")[:MOST]:
        if run.status == CollectorRun.Status.SUCCEEDED:
            text = ngettext(
                "Collector run: %(stored)s event stored",
                "Collector run: %(stored)s events stored",
                run.stored,
            ) % {"stored": exact(run.stored)}
        else:
            text = _("Collector run: %(status)s. %(error)s") % {
                "status": run.get_status_display(),
                "error": in_language(run.error),
            }
        is_bad = run.status != CollectorRun.Status.SUCCEEDED
        yield Mark(run.ended_at or run.started_at, text, reverse("monitoring:page"), is_bad)


def _changes(upstream: Upstream, since: datetime) -> Iterator[Mark]:
    url = f"{reverse('providers:changes')}?{urlencode({'upstream': upstream.name})}"
    for intent in upstream.intents.filter(requested_at__gte=since).order_by("-pk")[:MOST]:
        values = {"title": in_language(intent.title), "state": intent.get_state_display()}
        is_bad = intent.state in (Intent.State.FAILED, Intent.State.UNKNOWN)
        text = _("Change: %(title)s (%(state)s)") % values
        yield Mark(intent.requested_at, text, url, is_bad)


def _alerts(since: datetime) -> Iterator[Mark]:
    url = reverse("monitoring:alerts")
    moved = Alert.objects.filter(Q(fired_at__gte=since) | Q(resolved_at__gte=since))
    for alert in moved.select_related("rule").order_by("-pending_since", "-pk")[:MOST]:
        about = {"alert": AlertRow(alert, None).subject_name}
        if alert.fired_at and alert.fired_at >= since:
            yield Mark(alert.fired_at, _("Alert fires: %(alert)s") % about, url, True)
        if alert.resolved_at and alert.resolved_at >= since:
            yield Mark(alert.resolved_at, _("Alert ended: %(alert)s") % about, url)
