"""Plain functions that make valid things; a test names only what matters to it."""

import base64
import copy
import itertools
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
from django.contrib.auth.models import User

from management_proxy.client.http import ManagementClient
from management_proxy.models import Upstream
from management_proxy.upstreams.key_verification import digest_of
from providers.digests import client_key_digest
from providers.models import ClientKey
from usage.costs.own_prices import scope_digest
from usage.ingest.attribution import Attribution
from usage.ingest.store import Ingested, ingest
from usage.models import OwnPrice

RECORDINGS = Path(__file__).parent / "recordings"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Recording:
    """One recorded exchange."""

    name: str
    method: str
    path: str
    request_headers: dict[str, str]
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def _bytes(part: dict[str, Any]) -> bytes:
    if "body_base64" in part:
        return base64.b64decode(part["body_base64"])
    return str(part.get("body", "")).encode()


def read_recordings(path: Path) -> list[Recording]:
    exchanges = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Recording(
            x["name"],
            x["request"]["method"],
            x["request"]["path"],
            x["request"]["headers"],
            x["response"]["status"],
            [tuple(h) for h in x["response"]["headers"]],
            _bytes(x["response"]),
        )
        for x in exchanges
    ]


def recordings_in(*patterns: str) -> dict[str, list[Recording]]:
    paths = [path for pattern in patterns for path in sorted(RECORDINGS.glob(pattern))]
    return {str(path.relative_to(RECORDINGS)): read_recordings(path) for path in paths}


def answering(responses: list[httpx.Response | Exception]) -> ManagementClient:
    """A client whose upstream gives these answers in turn."""
    remaining = iter(responses)

    def handle(request: httpx.Request) -> httpx.Response:
        response = next(remaining)
        if isinstance(response, Exception):
            raise response
        return response

    return ManagementClient(
        "http://upstream.test/v0/management", "key", transport=httpx.MockTransport(handle)
    )


def make_user(name: str = "", *, staff: bool = False) -> User:
    name = name or f"user{next(_numbers)}"
    return User.objects.create_user(
        name, password="correct horse", is_staff=staff, is_superuser=staff
    )


def make_upstream(**fields: Any) -> Upstream:
    number = next(_numbers)
    upstream = Upstream(
        **{
            "name": f"upstream-{number}",
            "management_url": f"http://127.0.0.1:{number}/v0/management",
            "usage_interface": "queue",
            **fields,
        }
    )
    if not upstream.from_environment:
        give_key(upstream, "management-key")
    upstream.save()
    return upstream


def give_key(upstream: Upstream, key: str) -> None:
    """Set, without saving, a key that the upstream has accepted before."""
    upstream.store_key(key)
    upstream.key_verified_digest = digest_of(upstream, key)


def make_client_key(upstream: Upstream, key: str, **fields: Any) -> ClientKey:
    return ClientKey.objects.create(
        upstream=upstream, digest=client_key_digest(key), last_four=key[-4:], **fields
    )


def own_price(kind: str, **fields: Any) -> OwnPrice:
    """An own price that holds since 2020 unless a day is named."""
    price = OwnPrice(kind=kind, **{"holds_from": date(2020, 1, 1), **fields})
    price.scope_digest = scope_digest(price)
    price.save()
    return price


_EXAMPLE = {
    "timestamp": "2026-11-20T10:00:00.123456789Z",
    "latency_ms": 1500,
    "ttft_ms": 300,
    "source": "alice@example.com",
    "auth_index": "ee59064bd3fc99ea",
    "client_ip": "10.0.0.12",
    "x_forwarded_for": "",
    "user_agent": "curl/8",
    "tokens": {
        "input_tokens": 100,
        "output_tokens": 20,
        "reasoning_tokens": 5,
        "cached_tokens": 40,
        "cache_read_tokens": 40,
        "cache_read_tokens_present": True,
        "cache_creation_tokens": 0,
        "total_tokens": 120,
    },
    "failed": False,
    "generate": True,
    "fail": {"status_code": 200, "body": ""},
    "accounting_version": 2,
    "token_breakdown": {
        "schema_version": 2,
        "quality": "complete",
        "total_tokens": 120,
        "input": {
            "total_tokens": 100,
            "uncached_tokens": 60,
            "cache_read_tokens": 40,
            "cache_write_tokens": 0,
        },
        "output": {"total_tokens": 20, "non_reasoning_tokens": 15, "reasoning_tokens": 5},
        "unclassified_tokens": 0,
    },
    "provider": "codex",
    "executor_type": "CodexExecutor",
    "model": "gpt-5.4",
    "alias": "gpt-5.4",
    "endpoint": "POST /v1/responses",
    "auth_type": "oauth",
    "api_key": "sk-client-team-a",
    "reasoning_effort": "",
    "service_tier": "auto",
}


def make_event(**fields: Any) -> dict[str, Any]:
    """A queue element as the newest version sends it, with a request id of its own."""
    event = {**copy.deepcopy(_EXAMPLE), "request_id": f"{next(_numbers):08x}", **fields}
    if isinstance(event["timestamp"], datetime):
        event["timestamp"] = event["timestamp"].astimezone(UTC).isoformat()
    if event.get("failed") and "fail" not in fields:
        event["fail"] = {"status_code": 500, "body": "upstream failed"}
    return event


def store(upstream: Upstream, *events: Any, batch: str = "") -> Ingested:
    """Put events through the real ingest as one page."""
    page = json.dumps(list(events)).encode()
    return ingest(page, batch or f"batch-{next(_numbers)}", upstream, Attribution(upstream))
