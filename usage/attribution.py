"""Deciding what an event belongs to: its client key, its credential and its series, found or made.

A client key is known by an HMAC-SHA256 under `USAGE_HASH_KEY`; who owns it is asked when history is read, so that naming
an owner later also names him for the past. An unknown key is a new, unowned row: nothing is ever booked on someone else.
Rows are made outside the ingest transaction: a row without events does no harm, a remembered id that was rolled back would.
"""

import hashlib
from collections.abc import Hashable, Iterable
from typing import Any
from uuid import UUID

from management_proxy.models import Upstream
from providers.digests import client_key_digest
from providers.models import ClientKey, Credential
from usage.models import UsageSeries
from usage.queue_entry import Entry, QueueEntry, storable_text

Level = UsageSeries.Level
_BLANK: dict[str, Any] = {
    "client_key_id": None, "credential_id": None, "provider": "", "model": "", "alias": "", "endpoint": "", "auth_type": "",
    "executor_type": "", "service_tier": "", "reasoning_effort": "", "failure_class": "", "failed": False,
}  # fmt: skip
_VISIBLE_SOURCES = ("oauth", "unknown")


def credential_label(record: QueueEntry) -> str:
    """An e-mail address or project as it is; anything that may be a key as its last four characters (contract 2.7)."""
    source = record.source.strip()
    if not source:
        return ""
    shown = "@" in source or record.provider == "vertex"
    if shown and record.auth_type in _VISIBLE_SOURCES and source != record.api_key.strip():
        return storable_text(source, 200)
    return f"…{storable_text(source[-4:], 4)}" if len(source) > 8 else "…"


class Attribution:
    """Finds the series of entries of one upstream, remembering what it has seen; used by one thread."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        self._client_keys: dict[bytes, int] = {}
        self._credentials: dict[tuple[str, str], int] = {}
        self._series: dict[UUID, int] = {}
        self._digests: dict[tuple[Hashable, ...], UUID] = {}

    def series_of(self, entries: Iterable[Entry]) -> list[int]:
        """The id of each entry's series, in order, making rows that do not exist yet."""
        entries = list(entries)
        self._learn_client_keys({e.record.api_key.strip() for e in entries} - {""})
        self._learn_credentials(entries)
        rows = [self._series_row(entry) for entry in entries]
        self._learn_series({row.digest: row for row in rows})
        return [self._series[row.digest] for row in rows]

    def _learn_client_keys(self, keys: set[str]) -> None:
        wanted = {client_key_digest(key): key for key in keys}
        missing = {digest: key for digest, key in wanted.items() if digest not in self._client_keys}
        if not missing:
            return
        rows = [ClientKey(upstream=self._upstream, digest=d, last_four=storable_text(k[-4:] if len(k) > 8 else "", 4)) for d, k in missing.items()]
        known = ClientKey.objects.filter(upstream=self._upstream, digest__in=missing)
        if known.count() < len(missing):
            ClientKey.objects.bulk_create(rows, ignore_conflicts=True)
        self._client_keys.update({bytes(digest): pk for digest, pk in known.values_list("digest", "pk")})

    def _learn_credentials(self, entries: list[Entry]) -> None:
        wanted = {self._credential_key(e.record): e.record for e in entries}
        missing = {key: record for key, record in wanted.items() if key not in self._credentials and key != ("", "")}
        if not missing:
            return
        rows = [
            Credential(
                upstream=self._upstream, auth_index=index, label=label,
                provider=storable_text(record.provider, 100), auth_type=storable_text(record.auth_type, 20),
            )
            for (index, label), record in missing.items()
        ]  # fmt: skip
        known = Credential.objects.filter(upstream=self._upstream, auth_index__in={index for index, _ in missing})
        found = {(index, label): pk for index, label, pk in known.values_list("auth_index", "label", "pk")}
        if not found.keys() >= missing.keys():
            Credential.objects.bulk_create(rows, ignore_conflicts=True)
            found = {(index, label): pk for index, label, pk in known.all().values_list("auth_index", "label", "pk")}
        self._credentials.update({key: found[key] for key in missing})

    @staticmethod
    def _credential_key(record: QueueEntry) -> tuple[str, str]:
        return storable_text(record.auth_index, 64), credential_label(record)

    def _series_row(self, entry: Entry) -> UsageSeries:
        r = entry.record
        dimensions = (
            self._client_keys.get(client_key_digest(r.api_key)) if r.api_key.strip() else None,
            self._credentials.get(self._credential_key(r)),
            storable_text(r.provider, 100),
            storable_text(r.model, 200) or "unknown",
            storable_text(r.alias or r.model, 200) or "unknown",
            storable_text(r.endpoint, 200),
            storable_text(r.auth_type, 20),
            storable_text(r.executor_type, 60),
            storable_text(r.service_tier, 40),
            storable_text(r.reasoning_effort, 40),
            entry.failure_class.value,
            r.failed,
        )
        names = (
            "client_key_id", "credential_id", "provider", "model", "alias", "endpoint", "auth_type",
            "executor_type", "service_tier", "reasoning_effort", "failure_class", "failed",
        )  # fmt: skip
        return self._row(Level.FULL, **dict(zip(names, dimensions, strict=True)))

    def _row(self, level: UsageSeries.Level, **dimensions: Any) -> UsageSeries:
        values = {**_BLANK, **dimensions}
        return UsageSeries(upstream_id=self._upstream.pk, level=level, digest=self._digest((level.value, *values.values())), **values)

    def _narrow_rows(self, row: UsageSeries) -> tuple[UsageSeries, UsageSeries]:
        kept = {name: getattr(row, name) for name in ("client_key_id", "model", "failure_class", "failed")}
        return self._row(Level.KEY_AND_MODEL, **kept), self._row(Level.OVERALL)

    def _digest(self, dimensions: tuple[Hashable, ...]) -> UUID:
        if (digest := self._digests.get(dimensions)) is None:
            text = repr((self._upstream.pk, *dimensions)).encode()
            digest = self._digests[dimensions] = UUID(bytes=hashlib.sha256(text).digest()[:16])
        return digest

    def _learn_series(self, rows: dict[UUID, UsageSeries]) -> None:
        unknown = [row for digest, row in rows.items() if digest not in self._series]
        if not unknown:
            return
        narrow = {row.digest: self._narrow_rows(row) for row in unknown}
        self._find_or_make({n.digest: n for pair in narrow.values() for n in pair if n.digest not in self._series})
        for row in unknown:
            row.key_and_model_id, row.overall_id = (self._series[n.digest] for n in narrow[row.digest])
        self._find_or_make({row.digest: row for row in unknown})

    def _find_or_make(self, rows: dict[UUID, UsageSeries]) -> None:
        found = dict(UsageSeries.objects.filter(digest__in=rows).values_list("digest", "pk"))
        if absent := rows.keys() - found.keys():
            UsageSeries.objects.bulk_create([rows[digest] for digest in absent], ignore_conflicts=True)
            found.update(UsageSeries.objects.filter(digest__in=absent).values_list("digest", "pk"))
        self._series.update(found)
