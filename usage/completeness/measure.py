"""Measuring completeness: sample the upstream's counters, reconcile them with what is stored
(`usage/completeness/matching.py`).

    sample k-1 ----- interval k ----- sample k            a pass at sample k
       |  arrived(k-1): events that                        * counts the interval k from the counters
       |  ended after sample k-1                           * closes interval k-1: everything that
          ended before sample k-1 has arrived by now, one interval later

A pass belongs to a collector run: it holds the collect lease, so that nothing of this upstream is
being stored meanwhile, and it comes after the queue was drained. Arrivals are counted by event id,
each event once. Whatever arrives later still (a spool found after days, a replayed dead letter) is
counted into the interval that it ended in. When an attempt ended is known from its event, on the
upstream's clock, and converted to ours.

Whether statistics were on is read with the counters, before and after them: what was learnt of the
upstream at another time says nothing of this instant. A switch takes effect up to a second after it
is set, so a sample that follows, or the stretch before, may still show what befell a stretch.
"""

import logging
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from management_proxy.client.errors import UpstreamError
from management_proxy.client.http import ManagementClient
from management_proxy.client.usage import counters, statistics_enabled
from management_proxy.models import Upstream
from management_proxy.upstreams.clients import client_for
from monitoring.leases import Term, fence
from usage import log_kinds as kinds
from usage.completeness.causes import WITHOUT_EVENT, Stretch, cause_of
from usage.completeness.matching import (
    Lines,
    added,
    as_json,
    counted_between,
    from_json,
    looks_stolen,
    reconcile,
)
from usage.completeness.stored_attempts import Window, arrivals, known_accounts, newest_event_id
from usage.models.completeness import CompletenessInterval, CounterSample

logger = logging.getLogger(__name__)

Cause = CompletenessInterval.Cause
MEASURE_EVERY = timedelta(seconds=60)
SAMPLES_KEPT_FOR = timedelta(days=2)
# Stretches without loss are joined up to this length.
LONGEST_STRETCH = timedelta(hours=1)


def measure_if_due(upstream: Upstream, term: Term) -> float:
    """Make a pass if the last sample is old enough; what the upstream refuses is left for the next
    time.

    The seconds until the next one is due.
    """
    samples = _newest_samples(upstream)
    if samples and (age := timezone.now() - samples[0].taken_at) < MEASURE_EVERY:
        return (MEASURE_EVERY - age).total_seconds()
    try:
        _measure(upstream, client_for(upstream), term, samples)
    except UpstreamError as error:
        kinds.COUNTERS_NOT_READ.log(
            logger, logging.WARNING, upstream=upstream.name, error=str(error)
        )
    return MEASURE_EVERY.total_seconds()


def measure(upstream: Upstream, client: ManagementClient, term: Term) -> None:
    """Sample the counters and close the interval before; nothing is written if the term has ended.
    Raises UpstreamError."""
    _measure(upstream, client, term, _newest_samples(upstream))


def _newest_samples(upstream: Upstream) -> list[CounterSample]:
    return list(CounterSample.objects.filter(upstream=upstream)[:2])


def _measure(
    upstream: Upstream, client: ManagementClient, term: Term, samples: list[CounterSample]
) -> None:
    sample = _sample(upstream, client)
    with transaction.atomic():
        # As the term is current, no other process has sampled since these were read.
        if fence(term):
            sample.last_event_id = newest_event_id()
            _take(upstream, sample, samples)


def _sample(upstream: Upstream, client: ManagementClient) -> CounterSample:
    """Counters and switch as of one instant; a switch that is set meanwhile counts as off."""
    was_on = statistics_enabled(client)
    requested_at = timezone.now()
    read = {counter.account: [counter.success, counter.failed] for counter in counters(client)}
    taken_at = requested_at + (timezone.now() - requested_at) / 2
    return CounterSample(
        upstream=upstream,
        taken_at=taken_at,
        counters=read,
        statistics_enabled=statistics_enabled(client) and was_on,
    )


def _take(upstream: Upstream, sample: CounterSample, samples: list[CounterSample]) -> None:
    before, read, taken_at = samples[0] if samples else None, sample.counters, sample.taken_at
    if before and before.taken_at >= taken_at:
        return  # our clock was set back
    if before:
        counted = counted_between(before.counters, read)
        sample.counted, sample.reset_accounts, sample.restarted = (
            as_json(counted.lines),
            counted.reset_accounts,
            counted.restarted,
        )
        window = Window(upstream, before.last_event_id, sample.last_event_id, before.taken_at)
        came = arrivals(window, read.keys())
        if len(samples) > 1:
            sample.carried = _close(
                samples[1], before, sample, added(from_json(before.arrived), came.within)
            )
        sample.arrived = as_json(
            added(
                came.after,
                *(_count_late(interval_id, lines) for interval_id, lines in came.late.items()),
            )
        )
    sample.save()
    CounterSample.objects.filter(
        upstream=upstream, taken_at__lt=taken_at - SAMPLES_KEPT_FOR
    ).delete()


def _close(
    first: CounterSample, last: CounterSample, following: CounterSample, stored: Lines
) -> dict[str, int]:
    """Write down the interval between two samples; the surplus that it leaves to the next."""
    upstream = last.upstream
    previous = CompletenessInterval.objects.filter(
        upstream=upstream, ended_at=first.taken_at
    ).first()
    known = known_accounts(upstream)
    # An account that no event was ever seen of may go by another name there (contract 2.7); without
    # any event, all count.
    counted = {
        account: line
        for account, line in from_json(last.counted).items()
        if not known or account in known
    }
    before = from_json(previous.accounts) if previous else {}
    result = reconcile(counted, stored, before, last.carried, last.reset_accounts)
    if previous and result.given_back:
        _give_back(previous, result.given_back)
    missing = sum(line.missing for line in result.lines.values())
    cause, detail = (
        cause_of(Stretch(first, last, following, previous, result.lines))
        if missing or last.restarted
        else (Cause.NONE, "")
    )
    interval = CompletenessInterval(
        upstream=upstream,
        started_at=first.taken_at,
        ended_at=last.taken_at,
        missing=missing,
        cause=cause,
        detail=detail,
        accounts=as_json(result.lines),
        counted=sum(line.counted for line in result.lines.values()),
        stored=sum(line.stored for line in result.lines.values()),
    )
    if previous and _may_join(previous, interval):
        _join(previous, interval)
    else:
        interval.save()
    return result.carried


def _may_join(previous: CompletenessInterval, interval: CompletenessInterval) -> bool:
    harmless = (Cause.NONE, Cause.WITHOUT_EVENT)
    return (
        previous.cause in harmless
        and interval.cause in harmless
        and interval.ended_at - previous.started_at <= LONGEST_STRETCH
    )


def _join(previous: CompletenessInterval, interval: CompletenessInterval) -> None:
    previous.accounts = as_json(added(from_json(previous.accounts), from_json(interval.accounts)))
    previous.ended_at = interval.ended_at
    previous.counted += interval.counted
    previous.stored += interval.stored
    previous.missing += interval.missing
    previous.cause = Cause.WITHOUT_EVENT if previous.missing else Cause.NONE
    previous.save()


def _give_back(interval: CompletenessInterval, given_back: dict[str, int]) -> None:
    """Take back what was called missing and has turned up in the next interval."""
    for account, count in given_back.items():
        numbers = interval.accounts[account]
        numbers[4] -= count
        interval.missing -= count
    _settle(interval)


def _count_late(interval_id: int, lines: Lines) -> Lines:
    """Count events that an interval lacks into it, long after it was closed; those that it does not
    lack.

    The latter ended earlier than they were counted, as the turns of a session may.
    """
    interval = CompletenessInterval.objects.select_for_update().get(pk=interval_id)
    held, rest = from_json(interval.accounts), {}
    for account, line in lines.items():
        lacked = min(held[account].missing, line.stored) if account in held else 0
        found, rest[account] = line.split(lacked)
        if lacked:
            numbers = (held[account] + found).values()
            numbers[4] -= lacked
            interval.accounts[account] = numbers
            interval.missing -= lacked
            interval.stored += lacked
    _settle(interval)
    return rest


def _settle(interval: CompletenessInterval) -> None:
    """Keep what has turned up; a verdict that no longer holds is taken back."""
    if interval.missing == 0 and interval.cause != Cause.RESTARTED:
        interval.cause, interval.detail = Cause.NONE, ""
    elif interval.cause == Cause.ANOTHER_CONSUMER and not looks_stolen(
        from_json(interval.accounts), {}
    ):
        interval.cause, interval.detail = WITHOUT_EVENT
    interval.save(update_fields=["accounts", "stored", "missing", "cause", "detail"])
