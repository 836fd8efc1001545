"""Mistakes of queries about usage: wrong, slow, costly, or without a reason."""

import itertools
import time
from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation

_CACHE = "usage.history.result_cache"


@mutation("a cached result is served to any user", "history.of_others")
def cached_for_anyone() -> None:
    def key(name: str, query: object, _scope: object) -> str:
        return str(made(name, query, anyone))

    anyone = import_module("usage.history.scope").Scope(None, sees_everything=True)
    made = replace(_CACHE, "_key", key)


@mutation(
    "every result about usage is kept for ever",
    "history.memory_mib_per_1000_calls",
    "soak.web_mib_per_hour",
    may=("*.web_mib",),
)
def growing_cache() -> None:
    kept: list[bytes] = []

    def keep(key: str, result: Any) -> None:
        kept.append(b"x" * 2_000_000)
        keep_for_seconds(key, result)

    keep_for_seconds = replace(_CACHE, "_keep", keep)


@mutation("no result is ever found in the cache", "history.cached_of_uncached")
def no_cache() -> None:
    replace(_CACHE, "_kept", lambda _key: None)
    replace("usage.history.past.kept", "known", lambda _key: None)


@mutation(
    "every query about usage computes for half a second",
    "history.p95_7d_of_reference",
    "history.p95_30d_of_reference",
    "history.cpu_30d_of_reference",
    "baseline.history_p95_of_stored",
    "everything.history_of_reference",
    "soak.history_of_reference",
    may=("history.memory_mib_per_1000_calls", "*.cpu_percent", "*.slower_at_the_end"),
)
def busy_history() -> None:
    def read(compute: Any) -> Any:
        ends = time.thread_time() + 0.5
        while time.thread_time() < ends:
            pass
        return read_at_once(compute)

    read_at_once = replace(_CACHE, "read", read)


@mutation(
    "queries about usage take the longer, the longer a process has lived",
    "everything.slower_at_the_end",
    "soak.slower_at_the_end",
    may=("*.history_of_reference",),
)
def ageing() -> None:
    born: list[float] = []

    def read(compute: Any) -> Any:
        born.append(time.monotonic())
        time.sleep(0.005 * (born[-1] - born[0]) ** 2)
        return read_at_once(compute)

    read_at_once = replace(_CACHE, "read", read)


def _failing(name: str) -> None:
    reads = itertools.count(1)

    def cached(kind: str, *rest: Any, **more: Any) -> Any:
        if kind == name and next(reads) % 5 == 0:
            raise RuntimeError("a mistake made on purpose")
        return read(kind, *rest, **more)

    read = replace(_CACHE, "cached", cached)


@mutation("every fifth summary fails", "errors.new_classes", beside=("ban", "writes"))
def failing_summary() -> None:
    _failing("summary")


@mutation("every fifth query of history fails", "baseline.new_failures", beside=())
def failing_history() -> None:
    _failing("history")


@mutation(
    "a filter for failures finds successes",
    "observability.failures",
    beside=("ingest", "writes", "proxy"),
)
def failures_not_found() -> None:
    dimensions = import_module("usage.history.dimensions")
    conditions: dict[Any, str] = dimensions._SERIES_CONDITIONS
    outcome = dimensions.Dimension.OUTCOME
    conditions[outcome] = conditions[outcome].replace("= 'failed'", "<> 'failed'")


@mutation(
    "a breakdown by class of failures names no class",
    "observability.failures_unexplained",
    beside=("ingest", "writes", "proxy"),
)
def nameless_classes() -> None:
    replace("usage.api.summary_body", "_group_name", _nameless)


def _nameless(name: Any) -> dict[str, object]:
    return {dimension.value: {"value": "", "label": ""} for dimension in name}


@mutation(
    "changes are not counted",
    "observability.metrics_missing",
    beside=("ingest", "writes", "proxy"),
)
def uncounted_changes() -> None:
    replace("providers.funnel.intents", "count_settled", lambda _intent: None)
