"""The kinds of lines that the management proxy logs."""

from django.utils.translation.trans_null import gettext_noop as _

from monitoring.logs.kinds import UPSTREAM, Kind

CALL_ENDED = Kind(
    "proxy.call_ended",
    "Proxied call ended",
    {
        **UPSTREAM,
        "method": _("as the caller sent it"),
        "route": _("path of the policy, never the caller's"),
        "user": _("who called"),
        "status": _("status that the caller got"),
        "upstream_status": _("status that the upstream responded with"),
        "outcome": _("`passed`, `caller_left`, `cut`, or the code of the refusal"),
        "reason": _("why it was refused or failed"),
        "attempts": _("attempts made upstream"),
        "bytes_in": _("bytes of the request's body"),
        "bytes_out": _("bytes of the response's body"),
        "duration_ms": _("how long the call took"),
        "upstream_ms": _("of that waiting for the upstream"),
    },
)
CALL_NOT_COUNTED = Kind("proxy.call_not_counted", "A call was not counted")
TRAFFIC_NOT_STORED = Kind("proxy.traffic_not_stored", "Traffic of the proxy cannot be stored yet")
_BREAKER = {**UPSTREAM, "reason": _("the last failure"), "seconds": _("until the next trial")}
BREAKER_OPENED = Kind("breaker.opened", "Breaker opened", _BREAKER)
BREAKER_STAYS_OPEN = Kind("breaker.stays_open", "Breaker stays open", _BREAKER)
BREAKER_CLOSED = Kind("breaker.closed", "Breaker closed", UPSTREAM)
