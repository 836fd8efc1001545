"""Signals of storing: what waits to be stored in the database or in the spool of this host, and the
room for it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.alerts.signals import Measurement, Reading, Signal, Unit
from monitoring.web.formats import localized
from usage.collector import spool_health
from usage.models import DeadLetter


def dead_letters(query: Measurement) -> Iterator[Reading]:
    """How many wait for a fix."""
    pending = DeadLetter.objects.filter(state=DeadLetter.State.PENDING).count()
    url = reverse("admin:usage_deadletter_changelist")
    text = ngettext(
        "%(count)s element could not be stored.", "%(count)s elements could not be stored.", pending
    )
    detail = text % {"count": localized(f"{pending:,}")}
    yield Reading(float(pending), detail=detail, url=url)


def spool_pages(query: Measurement) -> Iterator[Reading]:
    """Pages in this host's spool that no process works on, by upstream."""
    waiting = spool_health.waiting_by_upstream()
    names = dict(Upstream.with_removed.filter(pk__in=waiting).values_list("pk", "name"))
    url = reverse("monitoring:page")
    for upstream_id, count in waiting.items():
        yield Reading(float(count), names.get(upstream_id, str(upstream_id)), url=url)


def spool_refusal(query: Measurement) -> Iterator[Reading]:
    """1 while the spool of this host cannot be written."""
    refusal = spool_health.refusal()
    yield Reading(float(bool(refusal)), detail=refusal, url=reverse("monitoring:page"))


def disk_free(query: Measurement) -> Iterator[Reading]:
    """Free share, in percent, of the disk that the spool of this host is on."""
    folder = Path(settings.SPOOL_DIR)
    while not folder.exists():
        folder = folder.parent
    usage = shutil.disk_usage(folder)
    sizes = {"free": usage.free, "total": usage.total}
    about = {name: localized(f"{size / 2**30:,.1f}") for name, size in sizes.items()}
    detail = gettext("%(free)s GiB of %(total)s GiB are free.") % about
    yield Reading(100 * usage.free / usage.total, detail=detail, url=reverse("monitoring:page"))


SIGNALS = (
    Signal(
        "usage.dead_letters",
        _("Dead letters that wait for a fix"),
        Unit.COUNT,
        dead_letters,
        _("See the reason of each; replay them after a fix, or discard them."),
        url_name="admin:usage_deadletter_changelist",
    ),
    Signal(
        "spool.pages",
        _("Pages that wait in the spool"),
        Unit.COUNT,
        spool_pages,
        _("Start a collector on the host of the spool; it stores them within seconds."),
        url_name="monitoring:page",
    ),
    Signal(
        "spool.refused",
        _("The spool cannot be written"),
        Unit.COUNT,
        spool_refusal,
        _("Free disk space, or correct SPOOL_DIR and its owner."),
        is_state=True,
        url_name="monitoring:page",
    ),
    Signal(
        "spool.disk_free",
        _("Free share of the spool's disk"),
        Unit.PERCENT,
        disk_free,
        _("Free disk space, or move SPOOL_DIR to a larger disk."),
        url_name="monitoring:page",
    ),
)
