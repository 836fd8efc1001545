"""What the mutations replace. Each function is called once, as a process starts."""

import itertools
import time
from dataclasses import replace
from importlib import import_module
from typing import Any


def _replace(module: str, name: str, value: Any) -> Any:
    """Give a name of a module another value; the one that it had."""
    home = import_module(module)
    had = getattr(home, name)
    setattr(home, name, value)
    return had


def lease_without_condition() -> None:
    condition = "WHERE lease.expires_at IS NULL OR lease.expires_at <= clock_timestamp()"
    sql: str = import_module("monitoring.leases").ACQUIRE_SQL
    assert condition in sql
    _replace("monitoring.leases", "ACQUIRE_SQL", sql.replace(condition, ""))


def no_single_flight() -> None:
    lease_without_condition()
    fence_ignored()
    _replace("monitoring.leases", "renew", lambda _term: True)


def lease_kept() -> None:
    sql: str = import_module("monitoring.leases").RELEASE_SQL
    freed = sql[sql.index("holder = '',") : sql.index("WHERE")]
    _replace("monitoring.leases", "RELEASE_SQL", sql.replace(freed, "holder = holder "))
    _replace("monitoring.leases", "release", lambda _term: False)


def nameless_refusal() -> None:
    def summary(outcome: Any) -> dict[str, object]:
        return {**whole(outcome), "runId": None}

    whole = _replace("usage.api.runs", "run_summary", summary)


def fence_ignored() -> None:
    _replace("monitoring.leases", "fence", lambda _term: True)


def rollup_off_by_one() -> None:
    counts: dict[str, str] = import_module("usage.rollups.tables")._COUNTS
    counts["attempts"] = "count(*) + 1"


def cached_for_anyone() -> None:
    def key(name: str, query: object, _scope: object) -> str:
        return str(made(name, query, anyone))

    anyone = import_module("usage.history.scope").Scope(None, sees_everything=True)
    made = _replace("usage.history.result_cache", "_key", key)


def growing_cache() -> None:
    kept: list[bytes] = []

    def keep(key: str, result: Any) -> None:
        kept.append(b"x" * 2_000_000)
        keep_for_seconds(key, result)

    keep_for_seconds = _replace("usage.history.result_cache", "_keep", keep)


def no_cache() -> None:
    _replace("usage.history.result_cache", "_kept", lambda _key: None)


def busy_history() -> None:
    def read(compute: Any) -> Any:
        ends = time.thread_time() + 0.5
        while time.thread_time() < ends:
            pass
        return read_at_once(compute)

    read_at_once = _replace("usage.history.result_cache", "read", read)


def retry_storm() -> None:
    retry = "management_proxy.proxy.limits.retry"
    _replace(retry, "MOST_ATTEMPTS", 10)
    import_module(retry).RetryBudget.spend = lambda _budget: True


def ban_ignored() -> None:
    access = "management_proxy.upstreams.access"
    _replace(access, "raise_if_blocked", lambda _upstream: None)
    _replace(access, "record_block", lambda _upstream, _error: None)


def no_deadline() -> None:
    table = "management_proxy.proxy.rules.policy_table"
    rows = import_module(table).POLICIES
    patient = replace(next(r for r in rows if r.path == "ws-auth").limits, first_byte=25, total=30)
    changed = tuple(replace(r, limits=patient) if r.path == "ws-auth" else r for r in rows)
    _replace(table, "POLICIES", changed)


def sporadic_error() -> None:
    reads = itertools.count(1)

    def cached(name: str, *rest: Any, **more: Any) -> Any:
        if "summary" in name and next(reads) % 5 == 0:
            raise RuntimeError("a mistake made on purpose")
        return read(name, *rest, **more)

    read = _replace("usage.history.result_cache", "cached", cached)


def spool_kept() -> None:
    import_module("usage.collector.spool").SpoolFile.remove = lambda _file: None


def lazy_collector() -> None:
    import_module("usage.collector.cadence").Cadence._bounded = lambda *_: 25.0


def page_that_collects() -> None:
    def context(request: Any) -> Any:
        collect = import_module("usage.collector.collect").collect
        upstreams = import_module("management_proxy.models").Upstream.objects.filter(
            is_enabled=True
        )
        for upstream in upstreams:
            collect(upstream, import_module("usage.models").CollectorRun.Trigger.HTTP)
        return shown(request)

    shown = _replace("usage.health.panels", "collection_context", context)


def dropped_page() -> None:
    pages = itertools.count(1)
    ingested = import_module("usage.ingest.store").Ingested

    def store_most(entries: list[Any], rejects: list[Any], *rest: Any) -> Any:
        if next(pages) % 3:
            return store(entries, rejects, *rest)
        return ingested(len(entries) + len(rejects), len(entries))

    store = _replace("usage.collector.drain", "store", store_most)


def no_read_back() -> None:
    delivery = import_module("providers.funnel.delivery").Delivery

    def bring_about(self: Any, client: Any, state: Any) -> None:
        after = self._plan(state)
        if self.pairs and self._send(client, state, after):
            self._verify(after)

    delivery._bring_about = bring_about
    delivery._wait = lambda _self, _took: None
