"""Storing a page: events, rollups and dead letters in one transaction.

    page --parse--> entries + rejects --COPY--> staging --insert on conflict do nothing--> new rows
    --add--> rollups

Only the rows that were really new reach the rollups, so that replaying a page adds nothing. Should
the database refuse a page, it is halved until the element it refuses stands alone; that one becomes
a dead letter and its neighbours are stored.
"""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DataError, IntegrityError, connection
from django.utils import timezone

from management_proxy.models import Upstream
from monitoring.encryption import encrypt
from monitoring.failpoints import around, failpoint
from monitoring.leases import bounded_transaction
from monitoring.tracing.statements import statement_span
from usage import log_kinds as kinds
from usage.costs.rates import VERSIONS_SQL, cost_columns_sql, priceable_sql
from usage.ingest.attribution import Attribution, Belongs
from usage.ingest.page_parser import COLUMNS, Entry, Reject, parse_page
from usage.ingest.stored_text import storable_text
from usage.models import DeadLetter
from usage.rollups.partitions import ensure_partitions, month_of
from usage.rollups.tables import GRANULARITIES, add_prepared_sql, calendar_zone, prepared_sql

logger = logging.getLogger(__name__)

# Attempts of one client request lie within this of each other; its 32-bit id says nothing beyond
# (contract 2.6).
REQUEST_WINDOW = timedelta(hours=1)
# The largest payload of a dead letter that is kept.
PAYLOAD_BYTES = 8 * 1024 * 1024

_NAMES = ", ".join(f'"{name}"' for name in (*Belongs._fields, *COLUMNS))
_COSTS = cost_columns_sql("placed", "version")

# The names carry a version: behind a pooler a table may be one that an older release made in this
# session.
_STAGING, _ADDED = "usage_staging_5", "usage_added_5"
_COPY = f'COPY {_STAGING} ({_NAMES}, price_version_id, "position") FROM STDIN'
_CREATE_STAGING = f"""
CREATE TEMPORARY TABLE IF NOT EXISTS {_STAGING} ON COMMIT DELETE ROWS AS
SELECT {_NAMES}, price_version_id, 0::integer AS "position" FROM usage_event WITH NO DATA;
CREATE TEMPORARY TABLE IF NOT EXISTS {_ADDED} ON COMMIT DELETE ROWS AS
{prepared_sql("usage_event")} WITH NO DATA;
-- Only within a larger transaction is there anything.
DELETE FROM {_STAGING}; DELETE FROM {_ADDED}
"""
_INSERT = f"""
/* usage.ingest.store._insert */
WITH placed AS (
    SELECT staged.*, o.upstream_id, o.endpoint,
        "timestamp" - lag("timestamp") OVER (
            PARTITION BY request_id, o.endpoint, client_key_id ORDER BY "timestamp", "position"
        ) AS gap
    FROM {_STAGING} AS staged JOIN usage_usageseries AS o ON o.id = staged.series_id
), fresh AS (
    INSERT INTO usage_event ({_NAMES}, price_version_id, {", ".join(_COSTS)}, is_first_attempt)
    SELECT {_NAMES}, version_id, {", ".join(_COSTS.values())},
    request_id = '' OR ((gap IS NULL OR gap > %(window)s) AND NOT EXISTS (
        -- OFFSET 0 and LATERAL keep the few attempts with this request id first: from the series
        -- side, which a database without statistics takes for small, it would be many times the
        -- work.
        SELECT 1 FROM (
            SELECT e.series_id FROM usage_event AS e
            WHERE e.request_id = placed.request_id AND e.request_id <> ''
                AND e.client_key_id IS NOT DISTINCT FROM placed.client_key_id
                AND e."timestamp" BETWEEN placed."timestamp" - %(window)s
                    AND placed."timestamp" + %(window)s
            OFFSET 0
        ) AS e CROSS JOIN LATERAL (
            SELECT 1 FROM usage_usageseries AS o
            WHERE o.id = e.series_id
                AND o.upstream_id = placed.upstream_id AND o.endpoint = placed.endpoint
            OFFSET 0
        ) AS of_same_request
    ))
    FROM placed LEFT JOIN {VERSIONS_SQL} AS version
        ON version_id = placed.price_version_id AND {priceable_sql("placed")}
    ORDER BY "position"
    ON CONFLICT ("timestamp", digest) DO NOTHING
    RETURNING *
)
INSERT INTO {_ADDED} {prepared_sql("fresh")}
"""
_ROLLUPS = [
    f"/* usage.ingest.store._add_to_rollups */ {add_prepared_sql(granularity, _ADDED)}"
    for granularity in GRANULARITIES
]


@dataclass(frozen=True)
class Ingested:
    """What became of a page: `elements` = `stored` + `duplicates` + `dead_lettered`."""

    elements: int = 0
    stored: int = 0
    duplicates: int = 0
    dead_lettered: int = 0

    def __add__(self, other: "Ingested") -> "Ingested":
        return Ingested(
            self.elements + other.elements,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.dead_lettered + other.dead_lettered,
        )


def ingest(page: bytes, batch: str, upstream: Upstream, attribution: Attribution) -> Ingested:
    """Store a page under the name `batch`; doing it again changes nothing. Raises django.db.Error
    if the database is gone."""
    return store(*parse_page(page, upstream.pk, timezone.now()), batch, upstream, attribution)


def store(
    entries: list[Entry],
    rejects: list[Reject],
    batch: str,
    upstream: Upstream,
    attribution: Attribution,
) -> Ingested:
    """Store what a page was parsed into, as `ingest` does."""
    ensure_partitions({month_of(entry.timestamp) for entry in entries})
    return _ingest(entries, rejects, batch, upstream, attribution)


def _ingest(
    entries: list[Entry],
    rejects: list[Reject],
    batch: str,
    upstream: Upstream,
    attribution: Attribution,
) -> Ingested:
    try:
        belongings = attribution.attribute(entries)
        versions = attribution.pricing.versions(entries, belongings) if entries else []
        with bounded_transaction(settings.COLLECTOR_LEASE_TTL_SECONDS):
            stored = _store(entries, belongings, versions) if entries else 0
            dead = _write_dead_letters(rejects, batch, upstream)
            failpoint("before commit")
        failpoint("after commit")
    except (DataError, IntegrityError, UnicodeEncodeError) as error:
        if not entries:
            raise
        return _ingest_in_halves(entries, rejects, batch, upstream, attribution, error)
    elements = len(entries) + len(rejects)
    return Ingested(elements, stored, elements - stored - dead, dead)


def _ingest_in_halves(
    entries: list[Entry],
    rejects: list[Reject],
    batch: str,
    upstream: Upstream,
    attribution: Attribution,
    error: Exception,
) -> Ingested:
    if len(entries) == 1:
        only = entries[0]
        kinds.EVENT_REFUSED.log(
            logger,
            logging.WARNING,
            batch=batch,
            position=only.position,
            error=type(error).__name__,
        )
        refused = Reject(
            only.position,
            only.raw,
            DeadLetter.Reason.NOT_STORABLE,
            f"the database refused it: {type(error).__name__}",
        )
        return _ingest([], [*rejects, refused], batch, upstream, attribution)
    middle = len(entries) // 2
    first = _ingest(entries[:middle], rejects, batch, upstream, attribution)
    return first + _ingest(entries[middle:], [], batch, upstream, attribution)


def _store(entries: list[Entry], belongings: list[Belongs], versions: list[int | None]) -> int:
    parameters: dict[str, Any] = {"zone": calendar_zone(), "window": REQUEST_WINDOW}
    with connection.cursor() as cursor:
        cursor.execute(_CREATE_STAGING, parameters)
        with (
            around("copy"),
            statement_span("usage.ingest.copy", "COPY", _COPY),
            connection.wrap_database_errors,
            cursor.copy(_COPY) as copy,
        ):
            for entry, belongs, version in zip(entries, belongings, versions, strict=True):
                copy.write_row((*belongs, *entry.columns, version, entry.position))
        with around("insert"):
            cursor.execute(_INSERT, parameters)
            stored: int = cursor.rowcount
        with around("rollups"):
            for statement in _ROLLUPS if stored else ():
                cursor.execute(statement, parameters)
        return stored


def _write_dead_letters(rejects: list[Reject], batch: str, upstream: Upstream) -> int:
    if not rejects:
        return 0
    existing = set(
        DeadLetter.objects.filter(upstream=upstream, batch=batch).values_list("position", flat=True)
    )
    new = [
        DeadLetter(
            upstream=upstream,
            batch=batch,
            position=reject.position,
            reason=reject.reason,
            detail=storable_text(reject.detail, 300),
            payload_encrypted=encrypt(reject.raw[:PAYLOAD_BYTES]),
            payload_bytes=len(reject.raw),
        )
        for reject in rejects
        if reject.position not in existing
    ]
    DeadLetter.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)
