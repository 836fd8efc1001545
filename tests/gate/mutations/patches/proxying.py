"""Mistakes of the management proxy."""

import threading
import time
from dataclasses import replace as with_changes
from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation

_CARRYING = "management_proxy.proxy.pass_through"


@mutation("whatever failed is sent again up to ten times", "proxy.attempts_per_request", beside=())
def retry_storm() -> None:
    retry = "management_proxy.proxy.limits.retry"
    replace(retry, "MOST_ATTEMPTS", 10)
    import_module(retry).RetryBudget.spend = lambda _budget: True


@mutation(
    "one failure opens the circuit breaker",
    "proxy.failed_share",
    # Until the breaker closes again, nothing passes.
    may=("proxy.*", "errors.new_classes"),
)
def nervous_breaker() -> None:
    window = import_module("management_proxy.proxy.limits.breaker").Window
    window.note = lambda _window, failed, _now: failed


@mutation("a call that hangs may do so for half a minute", "proxy.longest_hang_s", beside=())
def no_deadline() -> None:
    table = "management_proxy.proxy.rules.policy_table"
    rows = import_module(table).POLICIES
    patient = with_changes(
        next(r for r in rows if r.path == "ws-auth").limits, first_byte=25, total=30
    )
    changed = tuple(with_changes(r, limits=patient) if r.path == "ws-auth" else r for r in rows)
    replace(table, "POLICIES", changed)


@mutation(
    "a process makes one call to an upstream after the other",
    "proxy.others_while_hanging",
    may=("proxy.longest_hang_s", "errors.new_classes"),
    beside=(),
)
def one_call_at_a_time() -> None:
    turn = threading.Lock()

    def attempt(*arguments: Any) -> Any:
        with turn:
            return at_once(*arguments)

    at_once = replace(_CARRYING, "attempt", attempt)


@mutation("every call of the proxy takes three seconds more", "baseline.management_p95_of_stored")
def slow_proxy() -> None:
    def attempt(*arguments: Any) -> Any:
        time.sleep(3)
        return at_once(*arguments)

    at_once = replace(_CARRYING, "attempt", attempt)


@mutation(
    "a ban of our address stops no caller",
    "ban.requests_while_banned",
    may=("errors.new_classes",),
)
def ban_ignored() -> None:
    access = "management_proxy.upstreams.access"
    replace(access, "raise_if_blocked", lambda _upstream: None)
    replace(access, "record_block", lambda _upstream, _error: None)
