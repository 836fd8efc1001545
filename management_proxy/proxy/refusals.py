"""Errors that the proxy itself responds with, in the form of `monitoring/api/errors.py`.

`details` are `{"upstreamStatus", "attempts", "runTimeMs"}`. 4xx is the caller's fault, 502 the
upstream's, 503 is for breaker, bulkhead or a refused key, 504 for a limit of ours. The upstream's
own complete responses, errors included, are passed on as they are.
"""

from django.http import JsonResponse

from management_proxy.traffic.calls import Call
from monitoring.api.errors import error


class Refusal(Exception):
    """A response that is not the upstream's. `outcome_is_unknown`: a request was sent and may have
    had an effect."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: float = 0.0,
        headers: dict[str, str] | None = None,
        outcome_is_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})
        self.outcome_is_unknown = outcome_is_unknown
        if retry_after > 0:
            self.headers["Retry-After"] = str(max(1, round(retry_after + 0.5)))


def envelope(refusal: Refusal, call: Call) -> JsonResponse:
    """The refusal as a response, with what is known of the call."""
    return error(
        refusal.status,
        refusal.code,
        refusal.message,
        headers={"Cache-Control": "private, no-store", **refusal.headers},
        upstreamStatus=call.upstream_status,
        attempts=call.attempts,
        runTimeMs=call.run_time_ms,
    )
