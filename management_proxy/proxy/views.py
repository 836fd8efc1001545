"""`ANY /api/management/<path>`: the upstream's management API without its key. Policies decide what
passes."""

import time

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from management_proxy.client.errors import Blocked
from management_proxy.proxy import admission as checks
from management_proxy.proxy.admission import Entry
from management_proxy.proxy.attempts import Outgoing
from management_proxy.proxy.auditing import Audited
from management_proxy.proxy.caller_bodies import socket_of
from management_proxy.proxy.limits.sockets import CallDeadline, CallerLeft
from management_proxy.proxy.oauth_binding import bind_login
from management_proxy.proxy.pass_through import carry
from management_proxy.proxy.refusals import Refusal, envelope
from management_proxy.proxy.responses import Trip
from management_proxy.proxy.rules.headers import headers_upstream
from management_proxy.proxy.rules.policy import Effect, Mask
from management_proxy.proxy.upstream_failures import blocked
from management_proxy.proxy.write_funnel import FunnelRefusal, ProxiedWrite, submit_write
from management_proxy.tokens.access import honours_token
from management_proxy.traffic.calls import Call
from management_proxy.upstreams.access import raise_if_blocked
from management_proxy.upstreams.clients import key_of
from monitoring.request_context import current_request

REASON = "X-Tollgate-Reason"


@honours_token
@csrf_exempt  # checked in admission.py, without reading the body
def management(request: HttpRequest) -> HttpResponseBase:
    """Pass one call on, or return the reason why not in the error envelope."""
    call = Call(method=request.method or "", request_id=current_request().request_id)
    try:
        return _pass(request, call)
    except Refusal as refusal:
        call.finish(refusal.code, refusal.status)
        return envelope(refusal, call)
    except CallerLeft:
        call.finish("caller_left", 499)
        return HttpResponse(status=499, reason="Client Closed Request")  # has no reader


def _pass(request: HttpRequest, call: Call) -> HttpResponseBase:
    caller = checks.who_calls(request)
    call.user = caller.user.get_username()
    target, policy = checks.requested_policy(request)
    call.route = policy.path
    with Audited(caller, call.method, target, policy) as audited:
        upstream = checks.upstream_of(target)
        call.upstream = upstream.name
        entry = checks.let_in(request, caller, target, policy, upstream)
        audited.begin(entry)
        response = _through_funnel(request, entry, call) or carry(_trip(request, entry, call))
        audited.end(response.status_code)
        if entry.policy.effect is Effect.START and isinstance(response, HttpResponse):
            bind_login(upstream, caller.user, caller.binding, response.content)
        return response


def _trip(request: HttpRequest, entry: Entry, call: Call) -> Trip:
    policy, upstream = entry.policy, entry.upstream
    try:
        raise_if_blocked(upstream)
        key = key_of(upstream)
    except Blocked as error:
        raise blocked(error) from error
    base = upstream.management_url.rstrip("/")
    outgoing = Outgoing(
        method=call.method,
        url=f"{base}/{entry.target.encoded}",
        headers=headers_upstream(
            request.headers, key, base, call.request_id, allows_parts=entry.mask is Mask.NOTHING
        ),
        body=entry.body.chunks() if entry.content is None else (entry.content,),
        length=entry.body.length if entry.content is None else len(entry.content),
    )
    deadline = CallDeadline(policy.limits.total, socket_of(request))
    return Trip(call, policy, upstream, key, outgoing, deadline, entry.mask, entry.body)


def _through_funnel(request: HttpRequest, entry: Entry, call: Call) -> HttpResponse | None:
    """The funnel's response; None if the write is to be sent as it is. Raises Refusal."""
    if not entry.policy.writes_through_funnel:
        return None
    started = time.monotonic()
    result = submit_write(_write_of(request, entry, call))
    call.waited_seconds += time.monotonic() - started
    if result is None:
        return None
    if isinstance(result, FunnelRefusal):
        raise Refusal(
            result.status,
            result.code,
            result.message,
            retry_after=result.retry_after,
            outcome_is_unknown=result.outcome_is_unknown,
        )
    call.bytes_out = len(result.body)
    call.finish("passed", result.status)
    return HttpResponse(
        result.body, status=result.status, content_type=result.content_type, headers=result.headers
    )


def _write_of(request: HttpRequest, entry: Entry, call: Call) -> ProxiedWrite:
    return ProxiedWrite(
        upstream=entry.upstream,
        actor=entry.caller.user,
        method=call.method,
        path=entry.target.path,
        query=entry.target.query,
        body=entry.content or b"",
        reason=request.headers.get(REASON, "")[:300],
    )
