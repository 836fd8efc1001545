"""Why events of an interval are missing, by the evidence there is: switch, runs, counters; the
first that fits."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop as _

from management_proxy.client.usage import DEFAULT_RETENTION_SECONDS
from management_proxy.models import CollectionMode, Upstream
from monitoring.leases import holder_name
from monitoring.texts.recorded import Recorded
from usage.completeness.matching import Lines, from_json, looks_stolen
from usage.models import CollectorRun
from usage.models.completeness import CompletenessInterval, CounterSample

Cause = CompletenessInterval.Cause
Status = CollectorRun.Status
# What breaks a connection after the pop; `cannot connect` means that nothing was popped. A process
# that died had popped something if it was subscribed, or left a page that it was receiving
# (`record_cut_page`).
_CUT_OFF = Q(failure_class__in=("timeout", "connection", "invalid_response"))
_BREAKS = Q(status=Status.FAILED) & _CUT_OFF & ~Q(error__startswith="cannot connect")
_DIED = Q(status=Status.ABANDONED)
_DIED_RECEIVING = _DIED & (_CUT_OFF | Q(trigger=CollectorRun.Trigger.PUSH))
HARMLESS = (Cause.NONE, Cause.WITHOUT_EVENT)
_WITHOUT_EVENT = Recorded(_("token counting and streams cut short are counted, but make no event"))
_SWITCHED_OFF = Recorded(_("no event was made while usage statistics were switched off"))
_RESTARTED = Recorded(_("what was still queued went with it and cannot be counted"))
_DIED_ELSEWHERE = Recorded(
    _("a collector died on %(host)s, whose spool shows whether a page was on its way")
)
_TAKEN_BY_COLLECTOR = Recorded(_("a collector that pops the same queue takes events away"))
_TAKEN_BY_ANY = Recorded(_("a subscriber or a second collector takes events away"))
_NO_POLL = Recorded(_("no poll for %(seconds)s s, the upstream keeps events for %(retention)s s"))
_NO_SUCCESS = Recorded(
    _(
        "no poll succeeded for %(seconds)s s, the upstream keeps events for %(retention)s s:"
        " %(error)s"
    )
)


class Stretch(NamedTuple):
    """The time between two samples, with the sample after it and the interval before it, and what
    is missing."""

    first: CounterSample
    last: CounterSample
    following: CounterSample
    previous: CompletenessInterval | None
    lines: Lines

    @property
    def recently(self) -> Lines:
        """The lines of a harmless stretch just before."""
        harmless = self.previous and self.previous.cause in HARMLESS
        return from_json(self.previous.accounts) if self.previous and harmless else {}

    @property
    def is_beside_statistics_off(self) -> bool:
        """Whether statistics were off just before or after it, so perhaps for a part of it."""
        was_off = self.previous and self.previous.cause == Cause.STATISTICS_OFF
        return bool(was_off) or not self.following.statistics_enabled


class Why(NamedTuple):
    """A cause and what is known of it in a sentence, without the cause's own words."""

    cause: CompletenessInterval.Cause
    detail: str


WITHOUT_EVENT = Why(Cause.WITHOUT_EVENT, _WITHOUT_EVENT())
STATISTICS_OFF = Why(Cause.STATISTICS_OFF, _SWITCHED_OFF())


def cause_of(stretch: Stretch) -> Why:
    """Why something is missing in a stretch."""
    first, last = stretch.first, stretch.last
    if not (first.statistics_enabled and last.statistics_enabled):
        return STATISTICS_OFF
    if silence := _longest_silence(last.upstream, first.taken_at, last.taken_at):
        return silence
    if last.restarted:
        return Why(Cause.RESTARTED, _RESTARTED())
    return _broken(stretch) or _inferred(stretch)


def _broken(stretch: Stretch) -> Why | None:
    """A connection that broke with events on it. A death proves no loss by itself."""
    evidence = _BREAKS
    if any(line.surely_missing for line in stretch.lines.values()):
        evidence |= _DIED_RECEIVING
    broken = _runs_ended_within(stretch).filter(evidence).first()
    if broken is None:
        return None
    pushed = broken.trigger == CollectorRun.Trigger.PUSH
    return Why(Cause.PUSH_DROPPED if pushed else Cause.BROKEN_POP, broken.error)


def _inferred(stretch: Stretch) -> Why:
    """What the amounts alone suggest."""
    if not looks_stolen(stretch.lines, stretch.recently):
        return WITHOUT_EVENT
    if stretch.is_beside_statistics_off:
        return STATISTICS_OFF
    if dead := _runs_ended_within(stretch).filter(_DIED, ~_of_this_host()).first():
        host = dead.holder.partition(":")[0]
        return Why(Cause.BROKEN_POP, _DIED_ELSEWHERE(host=host))
    pushed = stretch.last.upstream.collection_mode == CollectionMode.PUSH
    taken = _TAKEN_BY_COLLECTOR if pushed else _TAKEN_BY_ANY
    return Why(Cause.ANOTHER_CONSUMER, taken())


def _runs_ended_within(stretch: Stretch) -> QuerySet[CollectorRun]:
    within = (stretch.first.taken_at, stretch.last.taken_at)
    return CollectorRun.objects.filter(upstream=stretch.last.upstream, ended_at__range=within)


def _of_this_host() -> Q:
    return Q(holder__startswith=holder_name().partition(":")[0] + ":")


def _longest_silence(upstream: Upstream, start: datetime, end: datetime) -> Why | None:
    """A time longer than the retention without a successful look, if there is one."""
    retention = timedelta(seconds=upstream.retention_seconds or DEFAULT_RETENTION_SECONDS)
    runs = CollectorRun.objects.filter(upstream=upstream, status=Status.SUCCEEDED)
    before = (
        runs.filter(ended_at__lt=start)
        .order_by("-ended_at")
        .values_list("ended_at", flat=True)
        .first()
    )
    # From the start of a run to its end the queue was looked at.
    within = (
        runs.filter(ended_at__gte=start, started_at__lt=end)
        .order_by("started_at")
        .values_list("started_at", "ended_at")
    )
    ends = [before or start, *(ended for _, ended in within if ended)]
    starts = [*(started for started, _ in within), end]
    since, until = max(zip(ends, starts, strict=True), key=lambda pair: pair[1] - pair[0])
    if until - since <= retention:
        return None
    length = {
        "seconds": f"{(until - since).total_seconds():.0f}",
        "retention": f"{retention.total_seconds():.0f}",
    }
    failed = CollectorRun.objects.filter(
        upstream=upstream, status=Status.FAILED, started_at__range=(since, until)
    ).first()
    if failed is None:
        return Why(Cause.STOPPED, _NO_POLL(**length))
    cause = Cause.REFUSED if failed.failure_class == "auth" else Cause.UNREACHABLE
    return Why(cause, _NO_SUCCESS(**length, error=failed.error)[:300])
