"""The one form of every error that the proxy itself answers with.

`{"error": {"code", "message", "upstreamStatus", "attempts", "runTimeMs", "requestId"}}`; 4xx: the
caller's, 502: the upstream's fault, 503: breaker, bulkhead or a closed door, 504: a limit of ours.
The upstream's own complete answers, errors included, are passed on as they are.
"""

from django.http import JsonResponse

from management_proxy.proxy.calls import Call


class Refusal(Exception):
    """An answer that is not the upstream's. `outcome_is_unknown` tells that a request was sent and
    may have had an effect."""

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
    """The answer that says so."""
    told = {
        "code": refusal.code,
        "message": refusal.message,
        "upstreamStatus": call.upstream_status,
        "attempts": call.attempts,
        "runTimeMs": call.run_time_ms,
        "requestId": call.request_id,
    }
    return JsonResponse(
        {"error": told},
        status=refusal.status,
        headers={"Cache-Control": "private, no-store", **refusal.headers},
    )
