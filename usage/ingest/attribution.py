"""Deciding what an event belongs to: its series, its client key and its credential, found or made.

A client key is known by an HMAC-SHA256 under `USAGE_HASH_KEY`; its owner is looked up when history
is read, so that an owner assigned later owns the past usage as well. An unknown key is a new,
unowned row: nothing is ever attributed to another. Rows are made outside the ingest transaction: a
row without events does no harm, a cached id that was rolled back would.
"""

import hashlib
from collections.abc import Collection, Hashable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Model

from management_proxy.models import Upstream
from monitoring.failpoints import failpoint
from monitoring.leases import bounded_transaction
from monitoring.masking import last4, last_four
from providers.digests import client_key_digest
from providers.models import ClientKey, Credential
from usage.ingest.page_parser import Entry, Signature
from usage.ingest.pricing import Pricing
from usage.ingest.stored_text import storable_text
from usage.models import UsageSeries

Level = UsageSeries.Level
_BLANK: dict[str, object] = {
    "provider": "",
    "model": "",
    "alias": "",
    "endpoint": "",
    "auth_type": "",
    "executor_type": "",
    "service_tier": "",
    "reasoning_effort": "",
    "failure_class": "",
    "failed": False,
}
# What a narrow series keeps, by the full series' reference to it.
_NARROW: dict[str, tuple[UsageSeries.Level, tuple[str, ...]]] = {
    "by_model_id": (Level.MODEL, ("model",)),
    "by_account_id": (Level.ACCOUNT, ("provider", "auth_type")),
    "overall_id": (Level.OVERALL, ("failure_class", "failed")),
    "by_upstream_id": (Level.UPSTREAM, ()),
}
_VISIBLE_SOURCES = ("oauth", "unknown")
# Beyond so many, the caches are emptied: what clients invent must not fill the memory.
MOST_CACHED = 20_000


def credential_label(signature: Signature) -> str:
    """An e-mail address or project as it is; anything that may be a key as its last four characters
    (contract 2.7)."""
    source = signature.source.strip()
    if not source:
        return ""
    shown = "@" in source or signature.provider == "vertex"
    if shown and signature.auth_type in _VISIBLE_SOURCES and source != signature.api_key.strip():
        return storable_text(source, 200)
    return storable_text(last4(source), 5)


class Belongs(NamedTuple):
    """Ids of what an event belongs to, in the order of the event's columns."""

    series_id: int
    client_key_id: int | None
    credential_id: int | None


def _make(rows: Sequence[Model]) -> None:
    """Insert those of the rows, all of one table, that do not exist."""
    with bounded_transaction(settings.COLLECTOR_LEASE_TTL_SECONDS):
        type(rows[0])._default_manager.bulk_create(rows, ignore_conflicts=True)
        failpoint("attribution written")


class Attribution:
    """Finds what entries of one upstream belong to, and caches it; used by one thread."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self.pricing = Pricing()
        self._client_keys: dict[bytes, int] = {}
        self._credentials: dict[tuple[str, str], int] = {}
        self._series: dict[UUID, int] = {}
        self._known: dict[Signature, Belongs] = {}

    def attribute(self, entries: Collection[Entry]) -> list[Belongs]:
        """What each entry belongs to, in order, making rows that do not exist yet."""
        if unknown := {entry.signature for entry in entries if entry.signature not in self._known}:
            if len(self._known) > MOST_CACHED:
                self._forget()
                unknown = {entry.signature for entry in entries}
            self._learn(unknown)
        return [self._known[entry.signature] for entry in entries]

    def series_of_class(self, series: UsageSeries, failure_class: str) -> int:
        """The id of a full series that differs in its failure class only, made if there is none."""
        dimensions = {name: getattr(series, name) for name in _BLANK}
        row = self._row(Level.FULL, **{**dimensions, "failure_class": failure_class})
        self._learn_series({row.digest: row})
        return self._series[row.digest]

    def _forget(self) -> None:
        for cache in (self._client_keys, self._credentials, self._series, self._known):
            cache.clear()

    def _learn(self, unknown: set[Signature]) -> None:
        self._learn_client_keys({signature.api_key.strip() for signature in unknown} - {""})
        self._learn_credentials(unknown)
        rows = {signature: self._series_row(signature) for signature in unknown}
        self._learn_series({row.digest: row for row in rows.values()})
        self._known.update(
            {signature: self._belongs(signature, row) for signature, row in rows.items()}
        )

    def _belongs(self, signature: Signature, row: UsageSeries) -> Belongs:
        key = signature.api_key.strip()
        return Belongs(
            self._series[row.digest],
            self._client_keys[client_key_digest(key)] if key else None,
            self._credentials.get(self._credential_key(signature)),
        )

    def _learn_client_keys(self, keys: set[str]) -> None:
        wanted = {client_key_digest(key): key for key in keys}
        missing = {digest: key for digest, key in wanted.items() if digest not in self._client_keys}
        if not missing:
            return
        rows = [
            ClientKey(
                upstream=self._upstream,
                digest=d,
                last_four=storable_text(last_four(k), 4),
            )
            for d, k in missing.items()
        ]
        known = ClientKey.objects.filter(upstream=self._upstream, digest__in=missing)
        if known.count() < len(missing):
            _make(rows)
        self._client_keys.update(
            {bytes(digest): pk for digest, pk in known.values_list("digest", "pk")}
        )

    def _learn_credentials(self, signatures: set[Signature]) -> None:
        wanted = {self._credential_key(signature): signature for signature in signatures}
        missing = {
            key: signature
            for key, signature in wanted.items()
            if key not in self._credentials and key != ("", "")
        }
        if not missing:
            return
        rows = [
            Credential(
                upstream=self._upstream,
                auth_index=index,
                label=label,
                provider=storable_text(signature.provider, 100),
                auth_type=storable_text(signature.auth_type, 20),
            )
            for (index, label), signature in missing.items()
        ]
        known = Credential.objects.filter(
            upstream=self._upstream, auth_index__in={index for index, _ in missing}
        )
        found = {
            (index, label): pk
            for index, label, pk in known.values_list("auth_index", "label", "pk")
        }
        if not found.keys() >= missing.keys():
            _make(rows)
            found = {
                (index, label): pk
                for index, label, pk in known.all().values_list("auth_index", "label", "pk")
            }
        self._credentials.update({key: found[key] for key in missing})

    @staticmethod
    def _credential_key(signature: Signature) -> tuple[str, str]:
        return storable_text(signature.auth_index, 64), credential_label(signature)

    def _series_row(self, r: Signature) -> UsageSeries:
        return self._row(
            Level.FULL,
            provider=storable_text(r.provider, 100),
            model=storable_text(r.model, 200) or "unknown",
            alias=storable_text(r.alias or r.model, 200) or "unknown",
            endpoint=storable_text(r.endpoint, 200),
            auth_type=storable_text(r.auth_type, 20),
            executor_type=storable_text(r.executor_type, 60),
            service_tier=storable_text(r.service_tier, 40),
            reasoning_effort=storable_text(r.reasoning_effort, 40),
            failure_class=r.failure_class.value,
            failed=r.failed,
        )

    def _row(self, level: UsageSeries.Level, **dimensions: Any) -> UsageSeries:
        values = {**_BLANK, **dimensions}
        return UsageSeries(
            upstream_id=self._upstream.pk,
            level=level,
            digest=self._digest((level.value, *values.values())),
            **values,
        )

    def _narrow_rows(self, row: UsageSeries) -> dict[str, UsageSeries]:
        return {
            name: self._row(level, **{column: getattr(row, column) for column in kept})
            for name, (level, kept) in _NARROW.items()
        }

    def _digest(self, dimensions: tuple[Hashable, ...]) -> UUID:
        return UUID(
            bytes=hashlib.sha256(repr((self._upstream.pk, *dimensions)).encode()).digest()[:16]
        )

    def _learn_series(self, rows: dict[UUID, UsageSeries]) -> None:
        unknown = [row for digest, row in rows.items() if digest not in self._series]
        if not unknown:
            return
        narrow = {row.digest: self._narrow_rows(row) for row in unknown}
        self._find_or_make(
            {
                n.digest: n
                for rows_of in narrow.values()
                for n in rows_of.values()
                if n.digest not in self._series
            }
        )
        for row in unknown:
            for name, narrow_row in narrow[row.digest].items():
                setattr(row, name, self._series[narrow_row.digest])
        self._find_or_make({row.digest: row for row in unknown})

    def _find_or_make(self, rows: dict[UUID, UsageSeries]) -> None:
        found = dict(UsageSeries.objects.filter(digest__in=rows).values_list("digest", "pk"))
        if absent := rows.keys() - found.keys():
            _make([rows[digest] for digest in sorted(absent)])
            found.update(UsageSeries.objects.filter(digest__in=absent).values_list("digest", "pk"))
        self._series.update(found)
