"""Writes to lists, maps, switches and the configuration that come through the management proxy,
carried out by the funnel."""

import msgspec

from management_proxy.client.errors import UpstreamError
from management_proxy.proxy.write_funnel import FunnelRefusal, ProxiedResponse, ProxiedWrite
from management_proxy.upstreams.clients import client_for
from providers.errors import ChangeRefused
from providers.funnel.writes import perform
from providers.models import Intent
from providers.proxied_writes.translation import meant_by
from providers.web.api import STATUS_OF_CODE

_OK = b'{"status":"ok"}'


def handle(write: ProxiedWrite) -> ProxiedResponse | FunnelRefusal | None:
    """What the funnel makes of a proxied write; None for one that it does not know."""
    try:
        change = meant_by(write, client_for(write.upstream))
        if change is None:
            return None
        reason = write.reason or "through the management proxy"
        return _response(perform(write.upstream, change, write.actor, reason))
    except ChangeRefused as refusal:
        return FunnelRefusal(
            STATUS_OF_CODE.get(refusal.code, 400),
            refusal.code,
            f"{refusal.field}: {refusal.message}" if refusal.field else refusal.message,
        )
    except UpstreamError as error:
        return FunnelRefusal(502, "UPSTREAM_ERROR", f"Nothing was sent: {error}")


def _response(intent: Intent) -> ProxiedResponse | FunnelRefusal:
    headers = {"X-Tollgate-Change": str(intent.pk)}
    if intent.state == Intent.State.VERIFIED:
        return ProxiedResponse(200, _OK, headers=headers)
    if intent.is_waiting:
        return ProxiedResponse(
            202, msgspec.json.encode({"status": "waiting", "change": intent.pk}), headers=headers
        )
    if not intent.is_settled:
        return FunnelRefusal(
            502, "OUTCOME_UNKNOWN", f"Change {intent.pk}: {intent.error}", outcome_is_unknown=True
        )
    return FunnelRefusal(
        STATUS_OF_CODE.get(intent.error_code, 400 if intent.error_code else 502),
        intent.error_code or "UPSTREAM_ERROR",
        intent.error,
    )
