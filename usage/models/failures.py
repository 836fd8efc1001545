"""Why an attempt failed: a closed list of classes, and the rules that choose one (contract 2.4,
2.8-2.10)."""

from django.db import models


class FailureClass(models.TextChoices):
    """The same words in column, metric label, log field and page."""

    NONE = "", "succeeded"
    COOLDOWN = "cooldown", "cooldown"
    RATE_LIMITED = "rate_limited", "rate limited"
    QUOTA = "quota", "quota exhausted"
    UNSUPPORTED_MODEL = "unsupported_model", "unsupported model"
    BAD_REQUEST = "bad_request", "bad request"
    AUTH = "auth", "authentication"
    CANCELLED = "cancelled", "cancelled by client"
    TIMEOUT = "timeout", "timeout"
    CONNECTION = "connection", "connection"
    UPSTREAM_ERROR = "upstream_error", "provider error"
    INVALID_RESPONSE = "invalid_response", "invalid response"
    INTERNAL = "internal", "internal"


# The first text found in the lower-cased body decides, before the status is looked at.
_BY_BODY: tuple[tuple[str, FailureClass], ...] = (
    ("model_cooldown", FailureClass.COOLDOWN),
    ("cooling down", FailureClass.COOLDOWN),
    ("in short cooldown", FailureClass.COOLDOWN),
    ("context canceled", FailureClass.CANCELLED),
    ("usage_limit_reached", FailureClass.QUOTA),
    ("insufficient_quota", FailureClass.QUOTA),
    ("insufficient balance", FailureClass.QUOTA),
    ("insufficient_balance", FailureClass.QUOTA),
    ("quota exceeded", FailureClass.QUOTA),
    ("resource_exhausted", FailureClass.QUOTA),
    ("model_not_found", FailureClass.UNSUPPORTED_MODEL),
    ("model is not supported", FailureClass.UNSUPPORTED_MODEL),
    ("unknown provider for model", FailureClass.UNSUPPORTED_MODEL),
    ("upstream stream closed before", FailureClass.INVALID_RESPONSE),
    ("incomplete sse data", FailureClass.INVALID_RESPONSE),
    ("stream disconnected before", FailureClass.INVALID_RESPONSE),
    ("ended before message completion", FailureClass.INVALID_RESPONSE),
    ("malformed stream data", FailureClass.INVALID_RESPONSE),
    ("empty stream response", FailureClass.INVALID_RESPONSE),
    ("missing message_start", FailureClass.INVALID_RESPONSE),
    ("stream returned an error payload", FailureClass.UPSTREAM_ERROR),
    ("did not return image output", FailureClass.INVALID_RESPONSE),
)
# Texts of Go's network errors, which come with the fall-back status 500 (contract 2.10).
_NETWORK_TEXTS = (
    ("i/o timeout", FailureClass.TIMEOUT),
    ("deadline exceeded", FailureClass.TIMEOUT),
    ("dial tcp", FailureClass.CONNECTION),
    ("connection refused", FailureClass.CONNECTION),
    ("connection reset", FailureClass.CONNECTION),
    ("no such host", FailureClass.CONNECTION),
    ("tls: ", FailureClass.CONNECTION),
)
_BY_STATUS = {
    400: FailureClass.BAD_REQUEST,
    401: FailureClass.AUTH,
    402: FailureClass.QUOTA,
    403: FailureClass.AUTH,
    404: FailureClass.UNSUPPORTED_MODEL,
    408: FailureClass.TIMEOUT,
    429: FailureClass.RATE_LIMITED,
    499: FailureClass.CANCELLED,
    501: FailureClass.BAD_REQUEST,
    504: FailureClass.TIMEOUT,
    529: FailureClass.UPSTREAM_ERROR,
}


def classify(failed: bool, status: int, body: str) -> FailureClass:
    """The class of one attempt, from its `failed`, `fail.status_code` and `fail.body` (2,000
    characters are enough)."""
    if not failed:
        return FailureClass.NONE
    text = body[:2000].lower()
    for needle, failure_class in _BY_BODY:
        if needle in text:
            return failure_class
    if text.startswith(('post "', 'get "')) or status == 500:
        for needle, failure_class in _NETWORK_TEXTS:
            if needle in text:
                return failure_class
        if text.startswith(('post "', 'get "')):
            return FailureClass.CONNECTION
    return _by_status(status)


def _by_status(status: int) -> FailureClass:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return FailureClass.BAD_REQUEST
    if status >= 500 or status == 0:  # 0: versions before 7.0.0 do not tell
        return FailureClass.UPSTREAM_ERROR
    return FailureClass.INTERNAL
