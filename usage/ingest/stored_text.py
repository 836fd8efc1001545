"""What is kept of a record's free texts: no secret, nothing that PostgreSQL refuses, everything
cut; pure."""

import re
from functools import lru_cache
from typing import Any

from monitoring.masking import without_secrets
from usage.ingest.queue_entry import QueueEntry
from usage.ingest.unknown_fields import unknown_fields

FAIL_BODY_CHARACTERS = 4000
DETAIL_CHARACTERS = 300


def storable_text(text: str, length: int) -> str:
    """Text that PostgreSQL takes: without NUL, cut to a length in characters."""
    return text[:length].replace("\x00", "\ufffd")


_HARMLESS_HEADER = re.compile(
    r"(?i)ratelimit|rate-limit|request-id|retry-after|used-percent|reset-a|window-minutes|^cf-ray$|^content-type$"
)


@lru_cache(maxsize=2048)
def _kept_header(name: str) -> str:
    """The name under which a response's header is kept; empty if it is not."""
    return storable_text(name, 100) if _HARMLESS_HEADER.search(name) else ""


# Addresses, user agents and most headers come again and again.
@lru_cache(maxsize=8192)
def _masked(text: str, *secrets: str) -> str:
    # Mask before cutting, so that no half of a secret is left at the edge.
    return storable_text(without_secrets(text, *secrets), DETAIL_CHARACTERS)


def details_of(record: QueueEntry, content: dict[str, Any]) -> dict[str, object]:
    """The rest of a record, and of what was decoded for it, that is worth keeping and harmless: no
    cookie, no key, every text cut."""
    secrets = (record.api_key, record.source if record.auth_type == "apikey" else "")
    kept = {
        "client_ip": record.client_ip,
        "x_forwarded_for": record.x_forwarded_for,
        "user_agent": record.user_agent,
        "access_token_sha256": record.access_token_sha256,
        "response_service_tier": record.response_service_tier,
    }
    details: dict[str, object] = {
        name: _masked(value[: DETAIL_CHARACTERS * 2], *secrets)
        for name, value in kept.items()
        if value
    }
    if not record.generate:
        details["generate"] = False
    headers = {
        kept_name: _masked(", ".join(values)[: DETAIL_CHARACTERS * 2], *secrets)
        for name, values in (record.response_headers or {}).items()
        if (kept_name := _kept_header(name))
    }
    if headers:
        details["headers"] = headers
    if unknown := unknown_fields(content, *secrets):
        details["unknown_fields"] = unknown
    return details


def fail_body_of(record: QueueEntry) -> str | None:
    """The failure's body as it is kept, or None for a success."""
    if not record.failed:
        return None
    # Mask before cutting, so that no half of a secret is left at the edge.
    text = without_secrets(
        record.fail.body[: FAIL_BODY_CHARACTERS * 2],
        record.api_key,
        record.source if record.auth_type == "apikey" else "",
    )
    return storable_text(text, FAIL_BODY_CHARACTERS)
