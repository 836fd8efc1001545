"""From the bytes of a popped page to values that can be stored; pure, no database (contract 2.1,
2.4, 2.11).

A page is split into its elements first, so that a bad one costs only itself. An element becomes an
`Entry`, or a `Reject` with the reason for its dead letter.
"""

import hashlib
import json
import re
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from usage.costs.tiers import billed_tier
from usage.failures.rules import classify
from usage.ingest.queue_entry import QueueEntry
from usage.ingest.stored_text import details_of, fail_body_of, storable_text
from usage.ingest.token_counts import tokens_of
from usage.models import DeadLetter
from usage.models.failures import FailureClass

Reason = DeadLetter.Reason
EARLIEST = datetime(2020, 1, 1, tzinfo=UTC)
# How far the upstream's clock may run ahead of ours.
LARGEST_LEAD = timedelta(days=2)
# Columns of an event's row that its element alone decides.
COLUMNS = (
    "timestamp",
    "digest",
    "request_id",
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
# Of `COLUMNS`: uncached input, read from the cache, written to it.
_INPUT = slice(6, 9)


class Signature(NamedTuple):
    """Everything of a record that decides what its event belongs to, under the record's own
    names."""

    api_key: str
    auth_index: str
    source: str
    auth_type: str
    provider: str
    model: str
    alias: str
    endpoint: str
    executor_type: str
    service_tier: str
    reasoning_effort: str
    failed: bool
    failure_class: FailureClass


_of_record = attrgetter(*Signature._fields[:-1])


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One element that can be stored: when, what it belongs to, and its row's `COLUMNS`."""

    position: int
    raw: bytes
    timestamp: datetime
    digest: UUID
    signature: Signature
    columns: tuple[Any, ...]
    billed_tier: str

    @property
    def input_tokens(self) -> int:
        """Input of all kinds."""
        return sum(count or 0 for count in self.columns[_INPUT])


class Reject(msgspec.Struct, frozen=True, gc=False):
    """One element that cannot be stored, with the reason and a sentence without any of its
    content."""

    position: int
    raw: bytes
    reason: DeadLetter.Reason
    detail: str


_record_decoder = msgspec.json.Decoder(QueueEntry)
_page_decoder = msgspec.json.Decoder(list[msgspec.Raw])


def parse_page(page: bytes, upstream_id: int, now: datetime) -> tuple[list[Entry], list[Reject]]:
    """Every element of a page as an entry or a reject; a page cut short gives the elements that
    arrived whole."""
    elements, remainder = split_page(page)
    entries: list[Entry] = []
    rejects: list[Reject] = []
    for position, raw in enumerate(elements):
        parsed = parse_element(raw, position, upstream_id, now)
        if isinstance(parsed, Entry):
            entries.append(parsed)
        else:
            rejects.append(parsed)
    if remainder:
        detail = "the page ends or breaks in the middle of an element"
        rejects.append(Reject(len(elements), remainder, Reason.INVALID_PAGE, detail))
    return entries, rejects


def split_page(page: bytes) -> tuple[list[bytes], bytes]:
    """The elements of a JSON array as bytes, and what follows the last whole one if the array is
    broken."""
    try:
        return [bytes(element) for element in _page_decoder.decode(page)], b""
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _salvage(page)


def is_complete(page: bytes) -> bool:
    """Whether a page is a whole JSON array, so that nothing of it can be missing."""
    return page.rstrip().endswith(b"]") and not split_page(page)[1]


_separators = re.compile(r"[ \t\r\n,]*")


def _salvage(page: bytes) -> tuple[list[bytes], bytes]:
    # Latin-1 maps bytes to characters one to one, so that positions in the text are positions in
    # the bytes.
    text = page.decode("latin-1")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if text[start : start + 1] != "[":
        return [], page
    decoder = json.JSONDecoder(strict=False)
    elements: list[bytes] = []
    at = start + 1
    while at < len(text):
        at = _separators.match(text, at).end()  # type: ignore[union-attr]
        if text[at : at + 1] == "]":
            return elements, b""
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        elements.append(page[at:end])
        at = end
    return elements, page[at:]


def parse_element(raw: bytes, position: int, upstream_id: int, now: datetime) -> Entry | Reject:
    """One element of a page as an entry, or a reject that says what is wrong with it."""
    if not raw.lstrip().startswith(b"{"):
        return Reject(position, raw, Reason.NOT_AN_OBJECT, "the element is no JSON object")
    try:
        record = _record_decoder.decode(raw)
        content = msgspec.json.decode(raw)
        digest = _identity_of(content, upstream_id)
    except msgspec.ValidationError as error:
        reason = (
            Reason.MISSING_FIELD if "missing required field" in str(error) else Reason.INVALID_FIELD
        )
        return Reject(position, raw, reason, str(error)[:300])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return Reject(
            position,
            raw,
            Reason.INVALID_FIELD,
            f"the element is no valid JSON: {type(error).__name__}",
        )
    timestamp = parse_timestamp(record.timestamp)
    if timestamp is None or not EARLIEST <= timestamp <= now + LARGEST_LEAD:
        return Reject(
            position,
            raw,
            Reason.IMPOSSIBLE_DATE,
            "`timestamp` is no RFC 3339 instant between 2020 and tomorrow",
        )
    failure_class = classify(
        record.failed, record.fail.status_code, record.fail.body, record.ttft_ms
    )
    return Entry(
        position,
        raw,
        timestamp,
        digest,
        Signature._make((*_of_record(record), failure_class)),
        _columns(record, content, timestamp, digest),
        billed_tier(record.response_service_tier) if record.response_service_tier else "",
    )


def _columns(
    r: QueueEntry, content: dict[str, Any], timestamp: datetime, digest: UUID
) -> tuple[Any, ...]:
    t, reported, details = tokens_of(r), r.tokens, details_of(r, content)
    return (
        timestamp,
        digest,
        storable_text(r.request_id, 64),
        r.latency_ms,
        r.ttft_ms if r.ttft_ms > 0 else None,
        t.total,
        t.uncached_input,
        t.cache_read,
        t.cache_write,
        t.non_reasoning_output,
        t.reasoning,
        t.unclassified,
        t.quality,
        reported.input_tokens,
        reported.output_tokens,
        reported.reasoning_tokens,
        reported.cached_tokens,
        reported.cache_read_tokens,
        reported.cache_creation_tokens,
        reported.total_tokens,
        (r.fail.status_code or None) if r.failed else None,
        fail_body_of(r),
        msgspec.json.encode(details).decode() if details else None,
    )


def identity(raw: bytes, upstream_id: int) -> UUID:
    """The identity of an event: half of the SHA-256 over its upstream and its canonical JSON
    (contract 2.6)."""
    return _identity_of(msgspec.json.decode(raw), upstream_id)


def _identity_of(content: dict[str, Any], upstream_id: int) -> UUID:
    canonical = msgspec.json.encode(content, order="sorted")
    return UUID(bytes=hashlib.sha256(b"%d:" % upstream_id + canonical).digest()[:16])


def parse_timestamp(text: str) -> datetime | None:
    """An RFC 3339 instant with any number of fractional digits, cut to microseconds; None if it is
    none."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None
