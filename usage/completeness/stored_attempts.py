"""Which events have arrived since a sample, by account and by when the attempt ended: the stored
side of completeness."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from management_proxy.client.usage import file_account, key_account
from management_proxy.models import Upstream
from providers.models import Credential
from usage.completeness.matching import Line, Lines, added
from usage.models import UsageEvent

# From the end of an attempt to its arrival, while all works. What took longer was queued late, and
# counted late as well.
LONGEST_LAG = timedelta(seconds=15)
# Ended earlier than that, and in no interval: it was counted before anything was measured.
LONGEST_SESSION = timedelta(minutes=10)


@dataclass(frozen=True)
class Window:
    """Events with ids in (`after_id`, `to_id`] of one upstream; `ended_by` is the last sample."""

    upstream: Upstream
    after_id: int
    to_id: int
    ended_by: datetime


@dataclass(frozen=True)
class Arrivals:
    """Arrivals that ended after `ended_by`, or were counted then; just before it; and long before,
    by the interval they ended in."""

    after: Lines = field(default_factory=dict)
    within: Lines = field(default_factory=dict)
    late: dict[int, Lines] = field(default_factory=dict)


def newest_event_id() -> int:
    """The largest event id; 0 without events."""
    return UsageEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0


def account_of(credential: Credential) -> str:
    """The account of the upstream's counters that an event's credential stands for."""
    if credential.auth_type == "apikey":
        return key_account(credential.provider, credential.label)
    return file_account(credential.auth_index)


def known_accounts(upstream: Upstream) -> set[str]:
    """The accounts that events were ever seen of; others cannot be matched with events."""
    return {account_of(credential) for credential in Credential.objects.filter(upstream=upstream)}


# The counters leave out what the client broke off, and count the attempt but once that also made an
# image (contract 2.6).
_ARRIVALS = """
/* usage.completeness.stored_attempts.arrivals */
WITH came AS (
    SELECT e.credential_id, o.failed,
        o.endpoint LIKE ANY (ARRAY['%%/messages%%', '%%/v1beta/%%']) AS may_count_tokens,
        e.timestamp + e.latency_ms * interval '1 millisecond'
            - %(ahead)s * interval '1 second' AS ended_at,
        (e.timestamp, CASE WHEN e.request_id = '' THEN e.id::text ELSE e.request_id END) AS attempt
    FROM usage_event AS e JOIN usage_usageseries AS o ON o.id = e.series_id
    WHERE e.id > %(after_id)s AND e.id <= %(to_id)s AND o.upstream_id = %(upstream)s
        AND o.failure_class <> 'cancelled' AND e.credential_id IS NOT NULL
), placed AS (
    SELECT came.*, CASE
        WHEN ended_at > %(ended_by)s THEN 'after'
        WHEN ended_at > %(ended_by)s - %(lag)s THEN 'within'
        ELSE 'late' END AS place
    FROM came
)
SELECT p.place, i.id, p.credential_id,
    count(DISTINCT p.attempt) FILTER (WHERE NOT p.failed),
    count(DISTINCT p.attempt) FILTER (WHERE p.failed),
    count(DISTINCT p.attempt) FILTER (WHERE p.may_count_tokens)
FROM placed AS p
LEFT JOIN usage_completenessinterval AS i
    ON p.place = 'late' AND i.upstream_id = %(upstream)s
    AND p.ended_at > i.started_at AND p.ended_at <= i.ended_at
WHERE p.place <> 'late' OR i.id IS NOT NULL OR p.ended_at > %(ended_by)s - %(longest)s
GROUP BY 1, 2, 3
"""


def arrivals(window: Window, counted_accounts: Collection[str]) -> Arrivals:
    """Count the window's events of accounts that have counters, by one query whose cost follows the
    number of new events."""
    parameters: dict[str, Any] = {
        "after_id": window.after_id,
        "to_id": window.to_id,
        "upstream": window.upstream.pk,
        "ended_by": window.ended_by,
        "longest": LONGEST_SESSION,
        "ahead": window.upstream.clock_ahead_seconds or 0.0,
        "lag": LONGEST_LAG,
    }
    with connection.cursor() as cursor:
        cursor.execute(_ARRIVALS, parameters)
        rows = cursor.fetchall()
    accounts = {
        c.pk: account_of(c) for c in Credential.objects.filter(pk__in={row[2] for row in rows})
    }
    found = Arrivals()
    for place, interval_id, credential_id, success, failed, may_count_tokens in rows:
        if accounts[credential_id] not in counted_accounts:
            continue
        lines = (
            found.within
            if place == "within"
            else found.late.setdefault(interval_id, {})
            if interval_id
            else found.after
        )
        line = Line(stored_success=success, stored_failed=failed, may_count_tokens=may_count_tokens)
        lines.update(added(lines, {accounts[credential_id]: line}))
    return found
