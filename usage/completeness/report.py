"""How complete collection is: sums over the reconciled intervals, for pages, JSON, gauges and the
doctor."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Max, Min, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from management_proxy.models import Upstream
from monitoring.web.formats import day_and_time, localized
from providers.models import Credential
from usage.completeness.matching import added, from_json
from usage.completeness.stored_attempts import account_of
from usage.models.completeness import LOSSES, CompletenessInterval

Cause = CompletenessInterval.Cause
SHOWN_FOR = timedelta(days=7)
# A loss is news for so long; after that it stands in the list only.
NEWS_FOR = timedelta(hours=1)
INTERVALS_SHOWN = 20
ACCOUNTS_SHOWN = 50
ACCOUNTS_SHOWN_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Completeness:
    """What an upstream counted, what of it is stored, lost or was never recorded, over what was
    measured of the last days."""

    upstream: str
    counted: int
    stored: int
    lost: int
    # Attempts made while usage statistics were off: counted, and never an event.
    unrecorded: int
    measured_since: datetime | None
    measured_until: datetime | None

    @property
    def share(self) -> float | None:
        """The collected share of the events there were, 0 to 1; None where nothing was measured."""
        there_were = self.stored + self.lost
        return self.stored / there_were if there_were else None

    @property
    def share_text(self) -> str:
        """The share for people."""
        return percentage(self.share)


def percentage(share: float | None) -> str:
    """`99.98 %`; never `100 %` while anything is lost, and a dash where nothing was measured."""
    if share is None:
        return "–"
    return "100 %" if share == 1 else f"{min(share * 100, 99.99):.2f} %"


def completeness_of(
    upstreams: Sequence[Upstream], window: timedelta = SHOWN_FOR
) -> list[Completeness]:
    """The sums of each upstream, in one statement."""
    intervals = CompletenessInterval.objects.filter(
        upstream__in=[upstream.pk for upstream in upstreams], ended_at__gt=timezone.now() - window
    )
    sums = (
        intervals.order_by()
        .values("upstream")
        .annotate(
            all_counted=Sum("counted"),
            all_stored=Sum("stored"),
            lost=Sum("missing", filter=Q(cause__in=LOSSES)),
            unrecorded=Sum("missing", filter=Q(cause=Cause.STATISTICS_OFF)),
            first=Min("started_at"),
            last=Max("ended_at"),
        )
    )
    found = {row["upstream"]: row for row in sums}
    return [_summed(upstream, found.get(upstream.pk, {})) for upstream in upstreams]


def _summed(upstream: Upstream, sums: Mapping[str, Any]) -> Completeness:
    return Completeness(
        upstream.name,
        sums.get("all_counted") or 0,
        sums.get("all_stored") or 0,
        sums.get("lost") or 0,
        sums.get("unrecorded") or 0,
        sums.get("first"),
        sums.get("last"),
    )


def incomplete(window: timedelta = SHOWN_FOR) -> list[CompletenessInterval]:
    """The newest intervals in which something is missing for a reason worth reporting."""
    reported = Q(cause__in=[*LOSSES, Cause.RESTARTED, Cause.STATISTICS_OFF])
    found = CompletenessInterval.objects.filter(
        reported, ended_at__gt=timezone.now() - window
    ).select_related("upstream")
    return list(found.order_by("-started_at")[:INTERVALS_SHOWN])


def lost_recently() -> dict[int, list[CompletenessInterval]]:
    """Losses of the last hour by upstream, the newest first."""
    return _by_upstream(
        CompletenessInterval.objects.filter(
            cause__in=LOSSES, missing__gt=0, ended_at__gt=timezone.now() - NEWS_FOR
        )
    )


def _by_upstream(
    intervals: QuerySet[CompletenessInterval],
) -> dict[int, list[CompletenessInterval]]:
    found: dict[int, list[CompletenessInterval]] = defaultdict(list)
    for interval in intervals.defer("accounts"):
        found[interval.upstream_id].append(interval)
    return found


@dataclass(frozen=True)
class Unrecorded:
    """Attempts made while usage statistics were off, within a time."""

    attempts: int
    started_at: datetime
    ended_at: datetime

    def __str__(self) -> str:
        text = ngettext(
            "%(count)s attempt was made while usage statistics were switched off, between"
            " %(times)s",
            "%(count)s attempts were made while usage statistics were switched off, between"
            " %(times)s",
            self.attempts,
        )
        times = clock_times(self.started_at, self.ended_at)
        return text % {"count": localized(f"{self.attempts:,}"), "times": times}


def unrecorded_recently() -> dict[int, Unrecorded]:
    """By upstream the last time that its statistics were off, for as long as it is news; without
    those that made no attempts."""
    intervals = CompletenessInterval.objects.filter(
        cause=Cause.STATISTICS_OFF, ended_at__gt=timezone.now() - SHOWN_FOR
    )
    last = {pk: _last_stretch(found) for pk, found in _by_upstream(intervals).items()}
    since = timezone.now() - NEWS_FOR
    return {pk: off for pk, off in last.items() if off.attempts and off.ended_at > since}


def _last_stretch(intervals: Sequence[CompletenessInterval]) -> Unrecorded:
    """The newest interval with those that lead up to it without a gap."""
    newest, *older = intervals
    found = Unrecorded(newest.missing, newest.started_at, newest.ended_at)
    for interval in older:
        if interval.ended_at != found.started_at:
            break
        attempts = found.attempts + interval.missing
        found = Unrecorded(attempts, interval.started_at, found.ended_at)
    return found


@dataclass(frozen=True)
class AccountRow:
    """One account over the window, named as people know it."""

    label: str
    provider: str
    counted: int
    stored: int
    missing: int


def by_account(upstream: Upstream, window: timedelta = ACCOUNTS_SHOWN_FOR) -> list[AccountRow]:
    """Counted, stored and missing of each account, the most missing first."""
    intervals = CompletenessInterval.objects.filter(
        upstream=upstream, ended_at__gt=timezone.now() - window
    )
    lines = added(
        *(from_json(accounts) for accounts in intervals.values_list("accounts", flat=True))
    )
    named = {
        account_of(c): (c.label or c.auth_index, c.provider)
        for c in Credential.objects.filter(upstream=upstream)
    }
    rows = [
        AccountRow(*named.get(account, (account, "")), line.counted, line.stored, line.missing)
        for account, line in lines.items()
    ]
    return sorted(rows, key=lambda row: (-row.missing, -row.counted))[:ACCOUNTS_SHOWN]


def sentence(interval: CompletenessInterval) -> str:
    """`3 events lost between 10:02 and 10:05: collector stopped (no poll for 190 s, ...)`."""
    text = ngettext(
        "%(count)s event lost between %(times)s: %(cause)s",
        "%(count)s events lost between %(times)s: %(cause)s",
        interval.missing,
    ) % {
        "count": localized(f"{interval.missing:,}"),
        "times": clock_times(interval.started_at, interval.ended_at),
        "cause": interval.get_cause_display(),
    }
    return f"{text} ({interval.detail})" if interval.detail else text


def clock_times(started_at: datetime, ended_at: datetime) -> str:
    """`10:02 and 10:05`, with the day unless it is today."""
    start, end = timezone.localtime(started_at), timezone.localtime(ended_at)
    is_today = start.date() == timezone.localdate()
    first = f"{start:%H:%M}" if is_today else day_and_time(start)
    return gettext("%(start)s and %(end)s") % {"start": first, "end": f"{end:%H:%M}"}
