"""One call on its way to an upstream and back: a slot, attempts, and the answer as its caller gets
it."""

import logging
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache

from django.conf import settings
from django.http.response import HttpResponseBase

from management_proxy.client.client import refusal_of
from management_proxy.client.errors import (
    AnswerTimeout,
    Banned,
    Blocked,
    Refused,
    ServerFault,
    UpstreamError,
)
from management_proxy.proxy.admission import too_large
from management_proxy.proxy.calls import Call
from management_proxy.proxy.exchange import (
    AnswerTooBig,
    Attempt,
    AttemptFailed,
    BodyIncomplete,
    BodyTooBig,
    TookTooLong,
    attempt,
)
from management_proxy.proxy.limits import breaker_rows
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
from management_proxy.proxy.rules.policies import Mask
from management_proxy.traffic.metrics import in_flight
from management_proxy.upstreams.blocks import record_block
from management_proxy.upstreams.registry import find_upstream
from management_proxy.upstreams.verification import KeyOnTrial, ensure_verified, is_verified

logger = logging.getLogger(__name__)

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
    """Bring the upstream's answer. Raises Refusal, or CallerLeft if nobody waits for it any
    more."""
    with trip.held as held:
        _take_slot(trip, held)
        if not is_verified(trip.upstream, trip.key):
            _verify_key(trip)
        ready = _answered(trip)
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
    except Blocked as error:
        failed = False  # the upstream did answer
        raise blocked(error) from error
    except KeyOnTrial as error:
        raise Refusal(
            503,
            "UPSTREAM_KEY_ON_TRIAL",
            "Another call is trying the upstream's new management key.",
            retry_after=1,
        ) from error
    except UpstreamError as error:
        failed = not isinstance(error, Refused) or isinstance(error, ServerFault)
        status, code = (
            (504, "UPSTREAM_TIMEOUT")
            if isinstance(error, AnswerTimeout)
            else (502, "UPSTREAM_KEY_UNVERIFIED")
        )
        raise Refusal(
            status, code, f"The upstream has not accepted its new management key yet: {error}."
        ) from error
    finally:
        trip.call.waited_seconds += time.monotonic() - started
        breaker_rows.report(admission, failed, "the management key was not verified")


def _answered(trip: Trip) -> Ready:
    """Attempts until one brings an answer, or none may be made any more. Raises Refusal or
    CallerLeft."""
    budget = retry_budget(trip.upstream.pk)
    budget.earn()
    refusal: Refusal | None = None
    while True:
        admission = _admitted(trip, refusal)
        ready, outcome = _attempted(trip, admission)
        if ready is not None:
            return ready
        refusal = _refusal_after(trip, outcome)
        pause = pause_before_next(
            trip.policy, outcome, trip.call.attempts, trip.watch.deadline_in()
        )
        if pause is None or not budget.spend():
            raise refusal
        try:
            trip.watch.sleep(pause)
        except LimitPassed as error:
            raise refusal from error
        trip.call.waited_seconds += pause


def _admitted(trip: Trip, refusal: Refusal | None) -> breaker_rows.Admission:
    if refusal is not None:
        trip.upstream = find_upstream(
            trip.upstream.name
        )  # the attempt before may have opened the breaker
    try:
        return breaker_rows.admit(trip.upstream)
    except breaker_rows.BreakerOpen as error:
        opened = Refusal(
            503,
            "BREAKER_OPEN",
            "The upstream failed too often just now; nobody calls it for a while.",
            retry_after=error.seconds,
        )
        raise refusal or opened from error


def _attempted(trip: Trip, admission: breaker_rows.Admission) -> tuple[Ready | None, Outcome]:
    """One attempt, told to the breaker. Raises Refusal for what ends the call at once, or
    CallerLeft."""
    failed: bool | None = None
    reason = ""
    trip.call.attempts += 1
    try:
        ready, outcome = _sent(trip)
        failed, reason = (
            (True, str(outcome.error or f"status {outcome.status}"))
            if ready is None
            else (False, "")
        )
        return ready, outcome
    except Refusal as refusal:
        failed = None if refusal.status == 413 else False  # the upstream did answer
        raise
    finally:
        trip.call.bytes_in = trip.body.taken
        beyond = trip.policy.reaches_beyond and failed
        breaker_rows.report(admission, None if beyond else failed, reason)


def _sent(trip: Trip) -> tuple[Ready | None, Outcome]:
    try:
        answer = attempt(trip.outgoing, trip.policy.limits, trip.policy.response_bytes, trip.watch)
    except AnswerTooBig as error:
        raise _too_big(trip, error) from error
    except AttemptFailed as error:
        return None, Outcome(error=error)
    except BodyTooBig as error:
        raise too_large(trip.policy) from error
    except BodyIncomplete as error:
        raise CallerLeft from error
    trip.call.upstream_status = answer.status
    try:
        return _received(trip, answer)
    except BaseException:
        answer.close()
        raise
    finally:
        _count(trip.call, answer)


def _received(trip: Trip, answer: Attempt) -> tuple[Ready | None, Outcome]:
    _refuse_closed_doors(trip, answer)
    if answer.status in GATEWAY_FAULTS and not trip.policy.reaches_beyond:
        answer.close()
        return None, Outcome(
            status=answer.status,
            retry_after=retry_after_seconds(header(answer.headers, "retry-after")),
        )
    try:
        if trip.policy.streams and trip.mask is Mask.NOTHING:
            first = answer.next_chunk()
            return Ready(answer, first or b"", is_whole=first is None), Outcome(
                status=answer.status
            )
        body = answer.whole()
    except AnswerTooBig as error:
        raise _too_big(trip, error) from error
    except AttemptFailed as error:
        answer.close()
        return None, Outcome(error=error)
    answer.close()
    return Ready(answer, body), Outcome(status=answer.status)


def _refuse_closed_doors(trip: Trip, answer: Attempt) -> None:
    """Raise Refusal where the answer is about our key or leads elsewhere: neither is the caller's
    business."""
    if answer.status in (401, 403):
        error = refusal_of(answer.status, _beginning(answer), datetime.now(UTC))
        if isinstance(error, Blocked):
            record_block(trip.upstream, error)
            raise blocked(error)
        raise Refusal(502, "UPSTREAM_REFUSED", f"The upstream refuses to be managed: {error}")
    if 300 <= answer.status < 400 and answer.status != 304:
        raise Refusal(
            502,
            "UPSTREAM_REDIRECTED",
            "The upstream answered with a redirect, which is not followed.",
        )


def _beginning(answer: Attempt) -> bytes:
    answer.budget = REFUSAL_BYTES
    try:
        return answer.whole()
    except (AttemptFailed, CallerLeft):
        return b""


def blocked(error: Blocked) -> Refusal:
    """The refusal while the upstream lets nobody in."""
    seconds = (
        (error.until - datetime.now(UTC)).total_seconds() if isinstance(error, Banned) else 0.0
    )
    code = "UPSTREAM_BANNED" if isinstance(error, Banned) else "UPSTREAM_KEY_REJECTED"
    return Refusal(
        503,
        code,
        "The upstream lets nobody in until its ban has passed or an operator has mended the key.",
        retry_after=seconds,
    )


def _too_big(trip: Trip, error: AnswerTooBig) -> Refusal:
    return Refusal(
        502,
        "ANSWER_TOO_LARGE",
        f"The upstream's answer exceeds {trip.policy.response_bytes} bytes.",
        outcome_is_unknown=True,
    )


def _refusal_after(trip: Trip, outcome: Outcome) -> Refusal:
    """What the caller is told when this was the last attempt."""
    if isinstance(outcome.error, TookTooLong):
        return Refusal(
            504,
            "UPSTREAM_TIMEOUT",
            f"The upstream gave {outcome.error}.",
            outcome_is_unknown=outcome.error.was_sent,
        )
    if outcome.error is not None:
        code = "UPSTREAM_BROKEN" if outcome.error.was_sent else "UPSTREAM_UNREACHABLE"
        return Refusal(
            502,
            code,
            f"{str(outcome.error).capitalize()}.",
            outcome_is_unknown=outcome.error.was_sent,
        )
    return Refusal(
        502,
        "UPSTREAM_UNAVAILABLE",
        f"The upstream answered with status {outcome.status}.",
        retry_after=outcome.retry_after,
        outcome_is_unknown=outcome.status != 503,
    )


def _count(call: Call, answer: Attempt) -> None:
    call.connect_seconds += answer.timings.connect
    call.first_byte_seconds += answer.timings.first_byte
    call.body_seconds += answer.timings.body
