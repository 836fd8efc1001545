"""The upstream's record of one attempt, as it is queued (contract 2.4).

Old versions send fewer keys; what is missing stays "not reported" (None) except where contract 2.5
says how to complete it.
"""

from typing import Annotated

import msgspec

# A count beyond this is a fault of the upstream; sums of a thousand such still fit a 64-bit column.
LARGEST_COUNT = 10**16
# The values below hold no cycles; at a hundred thousand a second, looking for some would take half
# of the parsing's time.
Count = Annotated[int, msgspec.Meta(ge=0, le=LARGEST_COUNT)]
# Hostile providers report negative counts; they are kept as reported (contract 2.11).
ReportedCount = Annotated[int, msgspec.Meta(ge=-LARGEST_COUNT, le=LARGEST_COUNT)]


class ReportedTokens(msgspec.Struct, gc=False):
    input_tokens: ReportedCount | None = None
    output_tokens: ReportedCount | None = None
    reasoning_tokens: ReportedCount | None = None
    cached_tokens: ReportedCount | None = None
    cache_read_tokens: ReportedCount | None = None
    cache_creation_tokens: ReportedCount | None = None
    total_tokens: ReportedCount | None = None


class InputBreakdown(msgspec.Struct, gc=False):
    uncached_tokens: Count
    cache_read_tokens: Count
    cache_write_tokens: Count


class OutputBreakdown(msgspec.Struct, gc=False):
    non_reasoning_tokens: Count
    reasoning_tokens: Count


class TokenBreakdown(msgspec.Struct, gc=False):
    quality: str
    total_tokens: Count
    input: InputBreakdown
    output: OutputBreakdown
    unclassified_tokens: Count


class Failure(msgspec.Struct, gc=False):
    status_code: Annotated[int, msgspec.Meta(ge=-1, le=9999)] = 0
    body: str = ""


class QueueEntry(msgspec.Struct, gc=False):
    """The upstream's record of one attempt, as sent; every key that some served version omits has a
    default."""

    timestamp: str
    tokens: ReportedTokens = msgspec.field(default_factory=ReportedTokens)
    failed: bool = False
    latency_ms: Count = 0
    ttft_ms: ReportedCount = 0
    source: str = ""
    auth_index: str = ""
    access_token_sha256: str = ""
    client_ip: str = ""
    x_forwarded_for: str = ""
    user_agent: str = ""
    generate: bool = True
    fail: Failure = msgspec.field(default_factory=Failure)
    response_headers: dict[str, list[str]] | None = None
    token_breakdown: TokenBreakdown | None = None
    provider: str = ""
    executor_type: str = ""
    model: str = ""
    alias: str = ""
    endpoint: str = ""
    auth_type: str = ""
    api_key: str = ""
    request_id: str = ""
    reasoning_effort: str = ""
    service_tier: str = ""
    response_service_tier: str = ""
