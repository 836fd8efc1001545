"""One call on its way to an upstream and back: a slot, attempts, and the response as its caller
gets it."""

import time
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from functools import lru_cache

from django.conf import settings
from django.http.response import HttpResponseBase

from management_proxy.client.errors import (
    Blocked,
    Refused,
    ResponseTooLarge,
    ServerFault,
    UpstreamError,
)
from management_proxy.proxy import upstream_failures as failures
from management_proxy.proxy.admission import too_large
from management_proxy.proxy.attempts import Attempt, attempt
from management_proxy.proxy.caller_bodies import BodyIncomplete, BodyTooBig
from management_proxy.proxy.limits import shared_breaker
from management_proxy.proxy.limits.bulkhead import Bulkhead, Full
from management_proxy.proxy.limits.retry import (
    GATEWAY_FAULTS,
    Outcome,
    RetryBudget,
    pause_before_next,
    retry_after_seconds,
)
from management_proxy.proxy.limits.sockets import CallerLeft, LimitPassed
from management_proxy.proxy.refusals import Refusal
from management_proxy.proxy.responses import Ready, Trip, streamed_response, whole_response
from management_proxy.proxy.rules.headers import header
from management_proxy.traffic.calls import Call
from management_proxy.traffic.metrics import in_flight
from management_proxy.upstreams.access import record_block
from management_proxy.upstreams.key_verification import KeyOnTrial, ensure_verified, is_verified
from management_proxy.upstreams.registry import find_upstream
from monitoring.tracing.spans import Kind, Span, Value, span

REFUSAL_BYTES = 64 * 1024


@lru_cache(maxsize=1)
def bulkhead() -> Bulkhead:
    """The slots of this process."""
    return Bulkhead(settings.WEB_THREADS)


@lru_cache(maxsize=256)
def retry_budget(upstream: int) -> RetryBudget:
    """What this process may still repeat towards an upstream."""
    return RetryBudget()


def carry(trip: Trip) -> HttpResponseBase:
    """The upstream's response. Raises Refusal, or CallerLeft if its caller has gone."""
    with trip.held as held:
        _take_slot(trip, held)
        if not is_verified(trip.upstream, trip.key):
            _verify_key(trip)
        ready = _attempted_until_ready(trip)
        response: HttpResponseBase
        if ready.is_whole:
            response = whole_response(trip, ready)
            trip.call.bytes_out = ready.attempt.received
            trip.call.finish("passed", ready.attempt.status)
        else:
            response = streamed_response(trip, ready, held.pop_all())
        return response


def _take_slot(trip: Trip, held: ExitStack) -> None:
    slots = bulkhead()
    try:
        trip.call.waited_seconds = slots.take(trip.upstream.pk)
    except Full as error:
        raise Refusal(
            503, "BULKHEAD_FULL", "Too many calls to this upstream are in flight.", retry_after=1
        ) from error
    held.callback(slots.give_back, trip.upstream.pk)
    held.enter_context(in_flight(trip.upstream))


def _verify_key(trip: Trip) -> None:
    """Have the key accepted before the call is made with it; a trial is an attempt to the breaker.
    Raises Refusal."""
    admission = _admitted(trip, None)
    failed: bool | None = None
    started = time.monotonic()
    try:
        ensure_verified(trip.upstream, trip.key)
        failed = False
    except UpstreamError as error:
        failed = _proves_ill(error)
        raise failures.key_unverified(error) from error
    finally:
        trip.call.waited_seconds += time.monotonic() - started
        shared_breaker.report(admission, failed, "the management key was not verified")


def _proves_ill(error: UpstreamError) -> bool | None:
    """Whether a failed trial shows that the upstream is ill; None if it shows nothing."""
    if isinstance(error, KeyOnTrial):
        return None
    is_response = isinstance(error, Blocked | Refused) and not isinstance(error, ServerFault)
    return not is_response


def _attempted_until_ready(trip: Trip) -> Ready:
    """Attempts until one brings a response, or none may be made any more. Raises Refusal or
    CallerLeft."""
    budget = retry_budget(trip.upstream.pk)
    budget.earn()
    refusal: Refusal | None = None
    while True:
        admission = _admitted(trip, refusal)
        ready, outcome = _attempted(trip, admission)
        if ready is not None:
            return ready
        refusal = failures.refusal_after(outcome)
        pause = pause_before_next(
            trip.policy, outcome, trip.call.attempts, trip.deadline.seconds_left()
        )
        if pause is None or not budget.spend():
            raise refusal
        try:
            trip.deadline.sleep(pause)
        except LimitPassed as error:
            raise refusal from error
        trip.call.waited_seconds += pause


def _admitted(trip: Trip, refusal: Refusal | None) -> shared_breaker.Admission:
    if refusal is not None:  # the attempt before may have opened the breaker
        trip.upstream = find_upstream(trip.upstream.name)
    try:
        return shared_breaker.admit(trip.upstream)
    except shared_breaker.BreakerOpen as error:
        opened = Refusal(
            503,
            "BREAKER_OPEN",
            "The upstream failed too often just now; no call is passed to it for a while.",
            retry_after=error.seconds,
        )
        raise refusal or opened from error


def _attempted(trip: Trip, admission: shared_breaker.Admission) -> tuple[Ready | None, Outcome]:
    """One attempt, reported to the breaker. Raises Refusal for what ends the call at once, or
    CallerLeft."""
    failed: bool | None = None
    reason = ""
    trip.call.attempts += 1
    try:
        with _span_over(trip) as attempt_span:
            ready, outcome = _sent(trip)
            _describe(attempt_span, outcome)
        failed = ready is None
        reason = str(outcome.error or f"status {outcome.status}") if failed else ""
        return ready, outcome
    except Refusal as refusal:
        failed = None if refusal.status == 413 else False  # the upstream did respond
        raise
    finally:
        trip.call.bytes_in = trip.body.taken
        beyond = trip.policy.reaches_beyond and failed
        shared_breaker.report(admission, None if beyond else failed, reason)


def _span_over(trip: Trip) -> AbstractContextManager[Span]:
    about = {
        "http.request.method": trip.outgoing.method,
        "url.template": trip.policy.path,
        "tollgate.upstream": trip.upstream.name,
    }
    return span(f"{trip.outgoing.method} {trip.policy.path}", about, kind=Kind.CLIENT)


def _describe(attempt_span: Span, outcome: Outcome) -> None:
    if outcome.status:
        about: dict[str, Value] = {"http.response.status_code": outcome.status}
        attempt_span.note(about, failed=outcome.status >= 500)
    else:
        attempt_span.note({"error.type": type(outcome.error).__name__}, failed=True)


def _sent(trip: Trip) -> tuple[Ready | None, Outcome]:
    try:
        begun = attempt(trip.outgoing, trip.policy.limits, trip.deadline)
    except ResponseTooLarge as error:
        raise failures.too_large(trip.policy) from error
    except UpstreamError as error:
        return None, Outcome(error=error)
    except BodyTooBig as error:
        raise too_large(trip.policy) from error
    except BodyIncomplete as error:
        raise CallerLeft from error
    trip.call.upstream_status = begun.status
    try:
        return _received(trip, begun)
    except BaseException:
        begun.close()
        raise
    finally:
        _count(trip.call, begun)


def _received(trip: Trip, begun: Attempt) -> tuple[Ready | None, Outcome]:
    _refuse_closed_doors(trip, begun)
    outcome = Outcome(status=begun.status)
    if begun.status in GATEWAY_FAULTS and not trip.policy.reaches_beyond:
        begun.close()
        wait = retry_after_seconds(header(begun.headers, "retry-after"))
        return None, replace(outcome, retry_after=wait)
    try:
        if trip.policy.passes_chunks(trip.mask):
            first = begun.next_chunk()
            return Ready(begun, first or b"", is_whole=first is None), outcome
        body = begun.whole()
    except ResponseTooLarge as error:
        raise failures.too_large(trip.policy) from error
    except UpstreamError as error:
        begun.close()
        return None, Outcome(error=error)
    begun.close()
    return Ready(begun, body), outcome


def _refuse_closed_doors(trip: Trip, begun: Attempt) -> None:
    """Raise Refusal where the response is about our key or leads elsewhere: neither is the caller's
    business."""
    if begun.status in (401, 403):
        reason = failures.closed_door(begun.status, _beginning(begun))
        if isinstance(reason, Refusal):
            raise reason
        record_block(trip.upstream, reason)
        raise failures.blocked(reason)
    if 300 <= begun.status < 400 and begun.status != 304:
        raise failures.redirected()


def _beginning(begun: Attempt) -> bytes:
    begun.limits = replace(begun.limits, response_bytes=REFUSAL_BYTES)
    try:
        return begun.whole()
    except (UpstreamError, CallerLeft):
        return b""


def _count(call: Call, begun: Attempt) -> None:
    call.connect_seconds += begun.timings.connect
    call.first_byte_seconds += begun.timings.first_byte
    call.body_seconds += begun.timings.body
