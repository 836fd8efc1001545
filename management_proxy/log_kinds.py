"""The kinds of lines that the management proxy logs."""

from monitoring.logs.kinds import UPSTREAM, Kind

CALL_ENDED = Kind(
    "proxy.call_ended",
    "Proxied call ended",
    {
        **UPSTREAM,
        "method": "as the caller sent it",
        "route": "path of the policy, never the caller's",
        "user": "who called",
        "status": "status that the caller got",
        "upstream_status": "status that the upstream responded with",
        "outcome": "`passed`, `caller_left`, `cut`, or the code of the refusal",
        "reason": "why it was refused or failed",
        "attempts": "attempts made upstream",
        "bytes_in": "bytes of the request's body",
        "bytes_out": "bytes of the response's body",
        "duration_ms": "how long the call took",
        "upstream_ms": "of that waiting for the upstream",
    },
)
CALL_NOT_COUNTED = Kind("proxy.call_not_counted", "A call was not counted")
TRAFFIC_NOT_STORED = Kind("proxy.traffic_not_stored", "Traffic of the proxy cannot be stored yet")
_BREAKER = {**UPSTREAM, "reason": "the last failure", "seconds": "until the next trial"}
BREAKER_OPENED = Kind("breaker.opened", "Breaker opened", _BREAKER)
BREAKER_STAYS_OPEN = Kind("breaker.stays_open", "Breaker stays open", _BREAKER)
BREAKER_CLOSED = Kind("breaker.closed", "Breaker closed", UPSTREAM)
