"""Storing the reference dataset by a fast path, with the result that the real ingest would have.

    samples --once a combination--> series, details, failure      (by the code of the ingest)
            --COPY--> staging --insert on conflict do nothing--> new rows --add--> rollups      (by
                                                                                                its
                                                                                                SQL)

Each chunk is one transaction. As in the ingest an event's identity decides whether it is new, so a
seeding that was stopped half-way is completed by the same command. The events belong to an upstream
that is marked as simulated and paused.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db import connection, transaction

from management_proxy.models import Upstream
from providers.models import ClientKey
from usage.costs.rates import VERSIONS_SQL, cost_columns_sql, priceable_sql
from usage.ingest.attribution import Attribution, Belongs
from usage.ingest.page_parser import Entry, Signature, identity, parse_element
from usage.ingest.store import REQUEST_WINDOW
from usage.models import UsageSeries
from usage.reference.dataset import Combination, Sample, samples
from usage.reference.instants import Shape
from usage.rollups.partitions import ensure_partitions, month_of, next_month
from usage.rollups.tables import GRANULARITIES, add_sql, calendar_zone

DEFAULT_UPSTREAM = "reference"
CHUNK = 100_000

_COLUMNS = (
    "timestamp",
    "digest",
    "series_id",
    "client_key_id",
    "credential_id",
    "request_id",
    "is_first_attempt",
    "latency_ms",
    "ttft_ms",
    "total_tokens",
    "uncached_input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "non_reasoning_output_tokens",
    "reasoning_tokens",
    "unclassified_tokens",
    "token_quality",
    "reported_input_tokens",
    "reported_output_tokens",
    "reported_reasoning_tokens",
    "reported_cached_tokens",
    "reported_cache_read_tokens",
    "reported_cache_creation_tokens",
    "reported_total_tokens",
    "fail_status",
    "fail_body",
    "details",
)
_PLAIN = ", ".join(f'"{name}"' for name in _COLUMNS)
_NAMES = f"{_PLAIN}, price_version_id"
_COSTS = cost_columns_sql("staged", "version")
_CREATE_STAGING = (
    f"CREATE TEMPORARY TABLE usage_seed_staging AS SELECT {_NAMES} FROM usage_event WITH NO DATA"
)


class SeedRefused(Exception):
    """Generated events would mix with real ones; the message says what to do."""


@dataclass(frozen=True, slots=True)
class _Prepared:
    """What all events of a combination share."""

    fields: dict[str, object]
    entry: Entry
    belongs: Belongs
    details: str | None
    fail_status: int | None
    fail_body: str | None

    def priceable(self, sample: Sample) -> "_Priceable":
        """What the price of a sample depends on."""
        return _Priceable(sample.at, self.entry.signature, self.entry.billed_tier, sample.input)


class _Priceable(NamedTuple):
    timestamp: datetime
    signature: Signature
    billed_tier: str
    input_tokens: int


def seed(
    shape: Shape, upstream: Upstream, report: Callable[[int], None] = lambda stored: None
) -> int:
    """Store the dataset of a shape; how many of its events were new. `report` hears the running
    count after each chunk."""
    if upstream.from_environment or not upstream.is_simulated:
        raise SeedRefused(
            f"upstream {upstream.name!r} is a real one: generated events would mix with what it did"
        )
    _make_partitions(shape)
    seeder, events, stored = _Seeder(upstream), samples(shape), 0
    while chunk := list(islice(events, CHUNK)):
        stored += seeder.store(chunk)
        report(stored)
    _name_keys(upstream)
    with connection.cursor() as cursor:
        # Plans and the visibility map as they are after a night; VACUUM is not possible inside a
        # transaction.
        cursor.execute("ANALYZE" if connection.in_atomic_block else "VACUUM (ANALYZE)")
    return stored


def seeded_upstream(name: str = "") -> Upstream:
    """The simulated, paused upstream that generated events go to, made if need be.

    Raises SeedRefused where a real upstream has events, unless a name shows that mixing is meant.
    """
    real = (
        UsageSeries.objects.filter(upstream__is_simulated=False).select_related("upstream").first()
    )
    if real and not name:
        raise SeedRefused(
            f"upstream {real.upstream.name!r} has real events: name a simulated upstream with"
            " --into to keep generated ones beside them"
        )
    chosen = name or DEFAULT_UPSTREAM
    upstream, _ = Upstream.objects.get_or_create(
        name=chosen,
        defaults={
            "management_url": "http://127.0.0.1:9/v0/management",
            "is_simulated": True,
            "is_enabled": False,
        },
    )
    if upstream.from_environment or not upstream.is_simulated:
        raise SeedRefused(f"upstream {chosen!r} is a real one: name another with --into")
    return upstream


def _make_partitions(shape: Shape) -> None:
    month, last = month_of(shape.until - timedelta(days=shape.days)), month_of(shape.until)
    months = [month]
    while months[-1] < last:
        months.append(next_month(months[-1]))
    ensure_partitions(months)


def _name_keys(upstream: Upstream) -> None:
    for key in ClientKey.objects.filter(upstream=upstream, name=""):
        ClientKey.objects.filter(pk=key.pk).update(name=f"team-{key.last_four}")


class _Seeder:
    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._attribution = Attribution(upstream)
        self._prepared: dict[Combination, _Prepared] = {}
        self._previous: Sample | None = None

    def store(self, chunk: list[Sample]) -> int:
        self._prepare(
            {
                sample.combination: sample
                for sample in chunk
                if sample.combination not in self._prepared
            }
        )
        versions = self._attribution.pricing.versions(
            [self._prepared[sample.combination].priceable(sample) for sample in chunk],
            [self._prepared[sample.combination].belongs for sample in chunk],
        )
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '128MB'")
            cursor.execute(_CREATE_STAGING)
            with (
                connection.wrap_database_errors,
                cursor.copy(f"COPY usage_seed_staging ({_NAMES}) FROM STDIN") as copy,
            ):
                for row, version in zip(self._rows(chunk), versions, strict=True):
                    copy.write_row((*row, version))
            cursor.execute(_store_sql(), {"zone": calendar_zone()})
            stored = int(cursor.fetchone()[0])
            cursor.execute("DROP TABLE usage_seed_staging")
            return stored

    def _prepare(self, new: dict[Combination, Sample]) -> None:
        fields = {combination: combination.fields() for combination in new}
        entries = [
            self._entry(_element(fields[combination], sample))
            for combination, sample in new.items()
        ]
        for combination, entry, belongs in zip(
            new, entries, self._attribution.attribute(entries), strict=True
        ):
            status, fail_body, details = entry.columns[-3:]
            self._prepared[combination] = _Prepared(
                fields[combination], entry, belongs, details, status, fail_body
            )

    def _entry(self, element: bytes) -> Entry:
        entry = parse_element(element, 0, self._upstream.pk, datetime.now(UTC))
        assert isinstance(entry, Entry), entry  # noqa: S101 - the generator writes valid elements only
        return entry

    def _rows(self, chunk: Iterable[Sample]) -> Iterator[tuple[Any, ...]]:
        for s in chunk:
            shared = self._prepared[s.combination]
            yield (
                s.at,
                self._identity(shared, s),
                *shared.belongs,
                s.request_id,
                self._is_first_attempt(s),
                s.latency_ms,
                s.ttft_ms,
                s.input + s.output,
                s.input - s.cache_read - s.cache_write,
                s.cache_read,
                s.cache_write,
                s.output - s.reasoning,
                s.reasoning,
                0,
                "complete",
                s.input,
                s.output,
                s.reasoning,
                s.cache_read,
                s.cache_read,
                s.cache_write,
                s.input + s.output,
                shared.fail_status,
                shared.fail_body,
                shared.details,
            )
            self._previous = s

    def _identity(self, shared: _Prepared, sample: Sample) -> UUID:
        return identity(_element(shared.fields, sample), self._upstream.pk)

    def _is_first_attempt(self, sample: Sample) -> bool:
        """Whether it counts its client request; in this dataset only neighbours share a request
        id."""
        before = self._previous
        if (
            before is None
            or before.request_id != sample.request_id
            or sample.at - before.at > REQUEST_WINDOW
        ):
            return True
        pair = self._prepared[before.combination].fields, self._prepared[sample.combination].fields
        return any(pair[0][name] != pair[1][name] for name in ("endpoint", "api_key"))


def _element(fields: dict[str, object], sample: Sample) -> bytes:
    return msgspec.json.encode({**fields, **sample.fields()})


def _store_sql() -> str:
    rollups = ", ".join(
        f"added_to_{granularity.table} AS ({add_sql(granularity, 'fresh')})"
        for granularity in GRANULARITIES
    )
    return f"""
    /* usage.reference.seeding */
    WITH fresh AS (
        INSERT INTO usage_event ({_PLAIN}, price_version_id, {", ".join(_COSTS)})
        SELECT {_PLAIN}, version_id, {", ".join(_COSTS.values())}
        FROM usage_seed_staging AS staged LEFT JOIN {VERSIONS_SQL} AS version
            ON version_id = staged.price_version_id AND {priceable_sql("staged")}
        ON CONFLICT ("timestamp", digest) DO NOTHING RETURNING *
    ), {rollups}
    SELECT count(*) FROM fresh
    """
