"""What the caller gets when the upstream fails, is blocked, or redirects: the refusals (502, 503,
504) by the error or the response behind them."""

from datetime import UTC, datetime

from management_proxy.client.errors import (
    Banned,
    Blocked,
    ConnectTimeout,
    NotReached,
    ResponseTimeout,
    Uncertain,
    UpstreamError,
)
from management_proxy.client.responses import refusal_of
from management_proxy.proxy.limits.retry import Outcome
from management_proxy.proxy.refusals import Refusal
from management_proxy.proxy.rules.policy import Policy
from management_proxy.upstreams.key_verification import KeyOnTrial


def blocked(error: Blocked) -> Refusal:
    """The refusal while the upstream is blocked for every caller."""
    message = "The upstream is blocked until its ban has passed or an operator has fixed the key."
    if isinstance(error, Banned):
        seconds = (error.until - datetime.now(UTC)).total_seconds()
        return Refusal(503, "UPSTREAM_BANNED", message, retry_after=seconds)
    return Refusal(503, "UPSTREAM_KEY_REJECTED", message)


def key_unverified(error: UpstreamError) -> Refusal:
    """The refusal when the upstream has not accepted its new key."""
    if isinstance(error, Blocked):
        return blocked(error)
    if isinstance(error, KeyOnTrial):
        return Refusal(
            503,
            "UPSTREAM_KEY_ON_TRIAL",
            "Another call is trying the upstream's new management key.",
            retry_after=1,
        )
    message = f"The upstream has not accepted its new management key yet: {error}."
    if isinstance(error, ResponseTimeout):
        return Refusal(504, "UPSTREAM_TIMEOUT", message)
    return Refusal(502, "UPSTREAM_KEY_UNVERIFIED", message)


def closed_door(status: int, body: bytes) -> Blocked | Refusal:
    """What a 401 or 403 means: a Blocked to record, or the refusal to be managed."""
    error = refusal_of(status, body, datetime.now(UTC))
    if isinstance(error, Blocked):
        return error
    return Refusal(502, "UPSTREAM_REFUSED", f"The upstream refuses to be managed: {error}")


def redirected() -> Refusal:
    """The refusal of a redirect."""
    return Refusal(
        502,
        "UPSTREAM_REDIRECTED",
        "The upstream responded with a redirect, which is not followed.",
    )


def too_large(policy: Policy) -> Refusal:
    """The refusal of a response over its budget."""
    return Refusal(
        502,
        "ANSWER_TOO_LARGE",
        f"The upstream's response exceeds {policy.limits.response_bytes} bytes.",
        outcome_is_unknown=True,
    )


def refusal_after(outcome: Outcome) -> Refusal:
    """What the caller gets when this was the last attempt."""
    error = outcome.error
    if error is None:
        return Refusal(
            502,
            "UPSTREAM_UNAVAILABLE",
            f"The upstream responded with status {outcome.status}.",
            retry_after=outcome.retry_after,
            outcome_is_unknown=outcome.status != 503,
        )
    was_sent = isinstance(error, Uncertain)
    if isinstance(error, ConnectTimeout | ResponseTimeout):
        message = f"The upstream gave {error}."
        return Refusal(504, "UPSTREAM_TIMEOUT", message, outcome_is_unknown=was_sent)
    code = "UPSTREAM_UNREACHABLE" if isinstance(error, NotReached) else "UPSTREAM_BROKEN"
    return Refusal(502, code, f"{str(error).capitalize()}.", outcome_is_unknown=was_sent)
