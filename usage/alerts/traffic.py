"""Signals of traffic, over the same sums that pages show."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from management_proxy.models import Upstream
from monitoring.alerts.signals import (
    Filter,
    Measurement,
    Past,
    Reading,
    Signal,
    Unit,
    Words,
    one_of,
)
from monitoring.web.formats import localized
from usage.alerts.names import NAMED
from usage.alerts.totals import (
    Totals,
    cause_of,
    check_filters,
    events_url,
    filters_of,
    percentile,
    rolling,
    steps,
    totals,
    window_of,
)
from usage.history.windows import Interval
from usage.models.failures import FailureClass

WEEK = timedelta(weeks=1)
WEEKS = 4
# One failure in so many attempts is worth its cause.
NOTABLE = 10
Judge = Callable[[Measurement, Totals], Reading]


def _upstreams() -> Iterable[tuple[str, str]]:
    return ((name, name) for name in Upstream.objects.values_list("name", flat=True))


def _classes() -> Iterable[tuple[str, str]]:
    return ((value, str(label)) for value, label in FailureClass.choices if value)


FILTERS = (
    Filter("upstream", _("Upstream"), _upstreams),
    *NAMED,
)
BY_CLASS = (*FILTERS, one_of("failure_class", _("Failure class"), _classes))


def _figures(found: Totals) -> dict[str, str]:
    counts = {"attempts": found.attempts, "failed": found.failed, "tokens": found.tokens}
    return {name: localized(f"{count:,}") for name, count in counts.items()}


def attempts(query: Measurement, found: Totals) -> Reading:
    """How many attempts there were."""
    text = ngettext("%(count)s attempt.", "%(count)s attempts.", found.attempts)
    detail = text % {"count": localized(f"{found.attempts:,}")}
    return Reading(float(found.attempts), detail=detail, url=events_url(query))


def tokens(query: Measurement, found: Totals) -> Reading:
    """How many tokens they took."""
    detail = gettext("%(tokens)s tokens in %(attempts)s attempts.") % _figures(found)
    return Reading(float(found.tokens), detail=detail, url=events_url(query))


def failures(query: Measurement, found: Totals) -> Reading:
    """How many of them failed; where these are many, of which class most are and what to do."""
    counted = gettext("%(failed)s of %(attempts)s attempts failed.") % _figures(found)
    detail = f"{counted} {found.cause}".rstrip()
    return Reading(float(found.failed), detail=detail, url=events_url(query, outcome="failed"))


def failure_rate(query: Measurement, found: Totals) -> Reading:
    """The failed share in percent; nothing of too few attempts."""
    counted = failures(query, found)
    enough = found.attempts >= max(query.least_volume, 1)
    rate = 100 * found.failed / found.attempts if enough else None
    return Reading(rate, detail=counted.detail, url=counted.url)


def _with_cause(judge: Judge) -> Callable[[Measurement], Iterator[Reading]]:
    def measure(query: Measurement) -> Iterator[Reading]:
        (found,) = totals(query, [window_of(query)])
        # A healthy system is not queried any further.
        notable = found.failed * NOTABLE >= max(found.attempts, 1)
        yield judge(query, replace(found, cause=cause_of(query)) if notable else found)

    return measure


def _measured(judge: Judge) -> Callable[[Measurement], Iterator[Reading]]:
    def measure(query: Measurement) -> Iterator[Reading]:
        (found,) = totals(query, [window_of(query)])
        yield judge(query, found)

    return measure


def _past(judge: Judge) -> Past:
    def past(start: datetime, query: Measurement) -> Iterator[tuple[datetime, list[Reading]]]:
        intervals = steps(start, query)
        found = totals(query, intervals)
        for instant, window in rolling(intervals, found, query.window):
            yield instant, [judge(query, window)]

    return past


def _against_usual(amount: str) -> Callable[[Measurement], Iterator[Reading]]:
    def measure(query: Measurement) -> Iterator[Reading]:
        # History takes intervals in their order.
        weeks = [n * WEEK for n in range(WEEKS, -1, -1)]
        windows = [Interval(query.start - week, query.end - week) for week in weeks]
        *before, now = totals(query, windows)
        yield _compared(query, amount, now, before)

    return measure


def _past_against_usual(amount: str) -> Past:
    def past(start: datetime, query: Measurement) -> Iterator[tuple[datetime, list[Reading]]]:
        intervals = steps(start - WEEKS * WEEK, query)
        found = totals(query, intervals)
        windows = dict(rolling(intervals, found, query.window))
        for instant, now in windows.items():
            if instant >= start:
                before = [windows.get(instant - n * WEEK, Totals()) for n in range(1, WEEKS + 1)]
                yield instant, [_compared(query, amount, now, before)]

    return past


def _compared(query: Measurement, amount: str, now: Totals, before: list[Totals]) -> Reading:
    known = [getattr(week, amount) for week in before if week.attempts]
    usual = sum(known) / len(known) if known else 0
    present = getattr(now, amount)
    enough = usual >= max(query.least_volume, 1)
    text = {
        "attempts": _("%(present)s attempts; in the last %(weeks)s weeks %(usual)s at this time."),
        "tokens": _("%(present)s tokens; in the last %(weeks)s weeks %(usual)s at this time."),
    }[amount]
    shown = {"present": localized(f"{present:,}"), "usual": localized(f"{usual:,.0f}")}
    detail = str(text) % {**shown, "weeks": len(known)}
    return Reading(100 * present / usual if enough else None, detail=detail, url=events_url(query))


def _duration(measure: str) -> Callable[[Measurement], Iterator[Reading]]:
    def measured(query: Measurement) -> Iterator[Reading]:
        (found,) = percentile(measure, [window_of(query)], filters_of(query.filters))
        yield _slow(query, found)

    return measured


def _past_duration(measure: str) -> Past:
    def past(start: datetime, query: Measurement) -> Iterator[tuple[datetime, list[Reading]]]:
        intervals = steps(start, query)
        found = percentile(measure, intervals, filters_of(query.filters))
        for interval, one in zip(intervals, found, strict=True):
            yield interval.end, [_slow(query, one)]

    return past


def _slow(query: Measurement, found: tuple[int, float]) -> Reading:
    count, seconds = found
    enough = count >= max(query.least_volume, 1)
    text = gettext("95 %% of %(count)s attempts took at most %(seconds)s s.")
    about = {"count": localized(f"{count:,}"), "seconds": localized(f"{seconds:.3g}")}
    detail = text % about
    return Reading(seconds if enough else None, detail=detail, url=events_url(query))


def _signal(name: str, label: Words, unit: Unit, judge: Judge, fix: Words) -> Signal:
    counts_failures = judge in (failures, failure_rate)
    filters = BY_CLASS if counts_failures else FILTERS
    has_volume = judge is failure_rate
    return Signal(
        name,
        label,
        unit,
        _with_cause(judge) if counts_failures else _measured(judge),
        fix,
        filters,
        has_window=True,
        has_volume=has_volume,
        check=check_filters,
        past=_past(judge),
        url_name="usage:events",
    )


def _usual(amount: str, label: Words) -> Signal:
    return Signal(
        f"usage.{amount}_against_usual",
        label,
        Unit.PERCENT,
        _against_usual(amount),
        _(
            "See on the Usage page which key or model differs from the weeks before, and speak with"
            " its owner."
        ),
        FILTERS,
        has_window=True,
        has_volume=True,
        check=check_filters,
        past=_past_against_usual(amount),
        url_name="usage:page",
    )


def _slowness(measure: str, label: Words) -> Signal:
    return Signal(
        f"usage.{measure}_p95",
        label,
        Unit.SECONDS,
        _duration(measure),
        _(
            "See on the Usage page which model, provider or credential is slow; move traffic to"
            " another credential, or wait for the provider."
        ),
        FILTERS,
        has_window=True,
        has_volume=True,
        check=check_filters,
        past=_past_duration(measure),
        url_name="usage:events",
    )


SIGNALS = (
    _signal(
        "usage.attempts",
        _("Attempts"),
        Unit.COUNT,
        attempts,
        _(
            "With too few: check that clients reach the upstream and that the collector runs. With"
            " too many: find the key on the Usage page."
        ),
    ),
    _signal(
        "usage.tokens",
        _("Tokens"),
        Unit.TOKENS,
        tokens,
        _("Find the key or model on the Usage page; limit the key if need be."),
    ),
    _signal(
        "usage.failures",
        _("Failed attempts"),
        Unit.COUNT,
        failures,
        _("Open the events: the failure class and the body say why."),
    ),
    _signal(
        "usage.failure_rate",
        _("Failure rate"),
        Unit.PERCENT,
        failure_rate,
        _(
            "Open the events: the failure class and the body say why; the runbook has a section for"
            " each class."
        ),
    ),
    _slowness("latency", _("Latency, 95th percentile")),
    _slowness("ttft", _("Time to first token, 95th percentile")),
    _usual("attempts", _("Attempts against the same hour of the last four weeks")),
    _usual("tokens", _("Tokens against the same hour of the last four weeks")),
)
