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
from management_proxy.proxy.rules.policy import Effect
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
    """Pass one call on, or say in the envelope why not."""
    call = Call(method=request.method or "", request_id=current_request().request_id)
    try:
        return _pass(request, call)
    except Refusal as refusal:
        call.finish(refusal.code, refusal.status)
        return envelope(refusal, call)
    except CallerLeft:
        call.finish("caller_left", 499)
        return HttpResponse(status=499, reason="Client Closed Request")  # nobody reads it


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
        handed_over = (
            _handed_over(request, entry, call) if entry.policy.writes_through_funnel else None
        )
        response = handed_over or carry(_trip(request, entry, call))
        audited.end(response.status_code)
        if entry.policy.effect is Effect.START and isinstance(response, HttpResponse):
            bind_login(entry.upstream, entry.caller.user, entry.caller.binding, response.content)
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
        headers=headers_upstream(request.headers, key, base, call.request_id),
        body=entry.body.chunks() if entry.content is None else (entry.content,),
        length=entry.body.length if entry.content is None else len(entry.content),
    )
    return Trip(
        call,
        policy,
        upstream,
        key,
        outgoing,
        CallDeadline(policy.limits.total, socket_of(request)),
        entry.mask,
        entry.body,
    )


def _handed_over(request: HttpRequest, entry: Entry, call: Call) -> HttpResponse | None:
    """The funnel's answer; None if the write is to be sent as it is."""
    reason = request.headers.get(REASON, "")[:300]
    target, started = entry.target, time.monotonic()
    write = ProxiedWrite(
        entry.upstream,
        entry.caller.user,
        call.method,
        target.path,
        target.query,
        entry.content or b"",
        reason,
    )
    answer = submit_write(write)
    call.waited_seconds += time.monotonic() - started
    if answer is None:
        return None
    if isinstance(answer, FunnelRefusal):
        raise Refusal(
            answer.status,
            answer.code,
            answer.message,
            retry_after=answer.retry_after,
            outcome_is_unknown=answer.outcome_is_unknown,
        )
    call.bytes_out = len(answer.body)
    call.finish("passed", answer.status)
    return HttpResponse(
        answer.body, status=answer.status, content_type=answer.content_type, headers=answer.headers
    )
