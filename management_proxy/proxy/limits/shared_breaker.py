"""The breaker's state as all processes share it, and the attempts of this one by which it is
opened."""

import logging
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db import transaction

from management_proxy import log_kinds as kinds
from management_proxy.models import Upstream, UpstreamBreaker
from management_proxy.proxy.limits.breaker import Circuit, State, Window

logger = logging.getLogger(__name__)

_windows: dict[int, Window] = {}
_lock = threading.Lock()


class BreakerOpen(Exception):
    """No call may pass for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"open for {seconds:.0f} s")
        self.seconds = seconds


@dataclass(frozen=True)
class Admission:
    """The right to make one attempt; `trial` is the circuit when the attempt decides whether it
    closes."""

    upstream: Upstream
    trial: Circuit | None = None


def circuit_of(upstream: Upstream) -> Circuit:
    """The state as `find_upstream` read it with the upstream; closed if there was no row."""
    state: str | None = getattr(upstream, "breaker_state", None)
    if not state:
        return Circuit()
    until = upstream.breaker_until.timestamp()  # type: ignore[attr-defined]
    return Circuit(State(state), until, upstream.breaker_strikes)  # type: ignore[attr-defined]


def admit(upstream: Upstream) -> Admission:
    """Let an attempt pass. Raises BreakerOpen. Of many callers who come when the time is over, one
    wins the trial."""
    circuit, now = circuit_of(upstream), time.time()
    if circuit.state is State.CLOSED:
        return Admission(upstream)
    if (seconds := circuit.wait(now)) > 0:
        raise BreakerOpen(seconds)
    trial = circuit.on_trial(now)
    if not _move(upstream, circuit, trial):
        raise BreakerOpen(1.0)
    return Admission(upstream, trial)


def report(admission: Admission, failed: bool | None, reason: str = "") -> None:
    """How the attempt ended; None if it shows nothing about the upstream."""
    now = time.time()
    if admission.trial is not None:
        _end_trial(admission.upstream, admission.trial, failed, reason, now)
    elif failed is not None and _note(admission.upstream.pk, failed, now):
        _open(admission.upstream, reason, now)


def reset(upstream: Upstream) -> None:
    """Close it, on behalf of an operator."""
    UpstreamBreaker.objects.filter(upstream=upstream).delete()
    with _lock:
        _windows.pop(upstream.pk, None)


def _note(upstream: int, failed: bool, now: float) -> bool:
    with _lock:
        return _windows.setdefault(upstream, Window()).note(failed, now)


def _end_trial(
    upstream: Upstream, trial: Circuit, failed: bool | None, reason: str, now: float
) -> None:
    if failed is None:
        _move(upstream, trial, Circuit(State.OPEN, now, trial.strikes))
    elif failed:
        _move(upstream, trial, trial.opened(now), reason)
        kinds.BREAKER_STAYS_OPEN.log(logger, logging.WARNING, upstream=upstream.name, reason=reason)
    elif _move(upstream, trial, Circuit()):
        _forget_attempts(upstream)
        kinds.BREAKER_CLOSED.log(logger, logging.INFO, upstream=upstream.name)


def _open(upstream: Upstream, reason: str, now: float) -> None:
    circuit = Circuit().opened(now)
    with transaction.atomic():
        UpstreamBreaker.objects.get_or_create(
            upstream=upstream, defaults={"until": datetime.now(UTC)}
        )
        opened = _update(upstream, State.CLOSED, circuit, reason)
    _forget_attempts(upstream)
    if opened:
        kinds.BREAKER_OPENED.log(
            logger,
            logging.WARNING,
            upstream=upstream.name,
            reason=reason,
            seconds=round(circuit.until - now, 1),
        )


def _forget_attempts(upstream: Upstream) -> None:
    with _lock:
        _windows.pop(upstream.pk, None)


def _move(upstream: Upstream, seen: Circuit, to: Circuit, reason: str = "") -> bool:
    """Change the row if it still is as it was seen; whether it was."""
    return _update(upstream, seen.state, to, reason, until=datetime.fromtimestamp(seen.until, UTC))


def _update(upstream: Upstream, seen: State, to: Circuit, reason: str, **more: datetime) -> bool:
    rows = UpstreamBreaker.objects.filter(upstream=upstream, state=seen, **more)
    why = {"reason": reason[:300]} if reason else {}
    changed = rows.update(
        state=to.state,
        until=datetime.fromtimestamp(to.until, UTC),
        strikes=to.strikes,
        changed_at=datetime.now(UTC),
        **why,
    )
    return changed == 1
