"""Which class a failed attempt is of, by its status and body (contract 2.4, 2.8-2.10).

A body says more than its status, which the upstream invents where it has none: the first text found
decides, and what no text decides goes by the status. `tests/usage/failures/bodies.jsonl` holds a
body for every class. After a change here, `manage.py reclassify_failures` reads what is stored
again.
"""

from usage.models.failures import FailureClass as Class

# So much of a body is read.
READ_CHARACTERS = 2000

# In this order, over the lower-cased body.
_BY_BODY: tuple[tuple[Class, tuple[str, ...]], ...] = (
    (Class.COOLDOWN, ("model_cooldown", "cooling down", "in short cooldown")),
    (Class.CANCELLED, ("context canceled",)),
    (
        Class.UPSTREAM_FAULT,
        (
            "missing access token",
            "missing provider baseurl",
            "no base url available",
            "auth_not_found",
            "no auth available",
        ),
    ),
    (
        Class.BANNED,
        (
            "organization has been disabled",
            "account has been disabled",
            "account has been suspended",
            "account_deactivated",
            "consumer_suspended",
            "violation of terms of service",
            "validation_required",
            "verify your account",
            "oauth authentication is currently not allowed",
        ),
    ),
    (
        Class.REGION,
        (
            "unsupported_country",
            "location is not supported",
            "not available in your country",
            "country, region, or territory",
        ),
    ),
    (
        Class.MISSING_SCOPE,
        (
            "scope requirement",
            "insufficient_scope",
            "scope_insufficient",
            "insufficient authentication scopes",
            "missing scopes",
        ),
    ),
    (
        Class.EXPIRED_TOKEN,
        (
            "token_expired",
            "token expired",
            "token has expired",
            "token is expired",
            "token_invalidated",
            "token has been invalidated",
            "token_revoked",
            "token has been revoked",
            "invalid_grant",
            "expected oauth 2 access token",
        ),
    ),
    (
        Class.WRONG_KEY,
        (
            "invalid_api_key",
            "api_key_invalid",
            "incorrect api key",
            "invalid api key",
            "api key not valid",
            "invalid x-api-key",
        ),
    ),
    (
        Class.CONTENT_POLICY,
        (
            "content_policy",
            "content filtering policy",
            "content_filter",
            "content management policy",
            "prohibited_content",
            "violating our usage policy",
            "data_inspection_failed",
        ),
    ),
    (
        Class.CONTEXT_TOO_LONG,
        (
            "context_too_large",
            "context_length_exceeded",
            "context window",
            "maximum context length",
            "exceed context limit",
            "prompt is too long",
            "input token count",
            "request_too_large",
        ),
    ),
    (
        Class.NO_CREDIT,
        (
            "insufficient_quota",
            "insufficient balance",
            "insufficient_balance",
            "insufficient credits",
            "credit balance is too low",
        ),
    ),
    (Class.OVERLOADED, ("at capacity", "model_capacity_exhausted", "overloaded")),
    (Class.RATE_LIMITED, ("perminute", "rate_limit_exceeded", "rate limit exceeded")),
    (
        Class.PLAN_LIMIT,
        (
            "usage_limit_reached",
            "usage limit",
            "quota exceeded",
            "exceeded your current quota",
            "quota_exhausted",
            "resource_exhausted",
        ),
    ),
    # After the plan's limits, which Anthropic reports by the same type.
    (Class.RATE_LIMITED, ("rate_limit_error",)),
    (Class.FORBIDDEN, ("permission_denied",)),
    (
        Class.UNSUPPORTED_MODEL,
        ("model_not_found", "model is not supported", "unknown provider for model"),
    ),
    (Class.INVALID_REQUEST, ("previous_response_not_found", "thinking_signature_invalid")),
    (
        Class.PROVIDER_FAULT,
        (
            "returned an error payload",
            "failed without error details",
            "server had an error while processing",
        ),
    ),
    (
        Class.INVALID_RESPONSE,
        (
            "upstream stream closed before",
            "incomplete sse data",
            "stream disconnected before",
            "ended before message completion",
            "error event ended without data",
            "malformed stream data",
            "empty stream response",
            "missing message_start",
            "did not return image output",
        ),
    ),
)
# Go's network errors, which come with the fall-back status 500 (contract 2.10).
_CONNECTION = ("dial tcp", "connection refused", "connection reset", "no such host", "tls: ")
_TIMEOUT = ("i/o timeout", "deadline exceeded", "timeout awaiting")
_BY_STATUS = {
    401: Class.WRONG_KEY,
    402: Class.NO_CREDIT,
    403: Class.FORBIDDEN,
    404: Class.UNSUPPORTED_MODEL,
    413: Class.CONTEXT_TOO_LONG,
    429: Class.RATE_LIMITED,
    499: Class.CANCELLED,
    501: Class.INVALID_REQUEST,
    503: Class.OVERLOADED,
    529: Class.OVERLOADED,
}


def classify(failed: bool, status: int, body: str, ttft_ms: int = 0) -> Class:
    """The class of one attempt, from its `failed`, `fail.status_code`, `fail.body` and `ttft_ms` (0
    if no byte arrived)."""
    if not failed:
        return Class.NONE
    return recognised(status, body, ttft_ms) or _by_status(status, ttft_ms)


def recognised(status: int, body: str, ttft_ms: int = 0) -> Class | None:
    """The class that the text of a body decides; None where only the status does."""
    text = body[:READ_CHARACTERS].lower()
    if "auth_unavailable" in text:
        return Class.EXPIRED_TOKEN if status == 401 else Class.UPSTREAM_FAULT
    for failure_class, needles in _BY_BODY:
        if any(needle in text for needle in needles):
            return failure_class
    return _of_network(text, status, ttft_ms)


def _of_network(text: str, status: int, ttft_ms: int) -> Class | None:
    is_call = text.startswith(('post "', 'get "'))
    if not (is_call or status in (500, 504)):
        return None
    if any(needle in text for needle in _CONNECTION):
        return Class.CONNECTION
    if any(needle in text for needle in _TIMEOUT):
        return _timeout(ttft_ms)
    return Class.CONNECTION if is_call or text.strip() in ("eof", "unexpected eof") else None


def _by_status(status: int, ttft_ms: int) -> Class:
    if status in (408, 504):
        return _timeout(ttft_ms)
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return Class.INVALID_REQUEST
    # Versions before 7.0.0 have no status, and a race may give that of a success.
    return Class.PROVIDER_FAULT if status >= 500 else Class.UNCLEAR


def _timeout(ttft_ms: int) -> Class:
    return Class.TIMEOUT_MIDWAY if ttft_ms > 0 else Class.TIMEOUT_FIRST_BYTE
