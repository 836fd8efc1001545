"""What the mutations replace. Each function is called once, as a process starts."""

import itertools
import time
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


def slow_history() -> None:
    def read(compute: Any) -> Any:
        time.sleep(0.33)
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
