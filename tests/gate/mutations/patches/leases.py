"""Mistakes with leases and triggers."""

import time
from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation


@mutation(
    "the lease is taken also while another process holds it",
    # Fencing and the schema still allow no second run: callers get errors instead.
    "triggers.other_outcomes",
    may=("triggers.*", "errors.new_classes"),
    beside=(),
)
def lease_without_condition() -> None:
    condition = "WHERE lease.expires_at IS NULL OR lease.expires_at <= clock_timestamp()"
    sql: str = import_module("monitoring.leases").ACQUIRE_SQL
    assert condition in sql
    replace("monitoring.leases", "ACQUIRE_SQL", sql.replace(condition, ""))


@mutation(
    "the lease is taken, renewed and believed whichever process holds it",
    "triggers.pop_overlaps",
    "triggers.run_overlaps",
    may=("triggers.*", "errors.new_classes", "leftovers.*"),
    beside=(),
)
def no_single_flight() -> None:
    lease_without_condition()
    fence_ignored()
    replace("monitoring.leases", "renew", lambda _term: True)


@mutation(
    "a lease is not given up, and lasts an hour",
    "triggers.ran",
    "triggers.not_exact",
    "leftovers.leases",
    may=("triggers.sums_off",),
    beside=(),
)
def lease_forever() -> None:
    _lasting(3600)
    sql: str = import_module("monitoring.leases").RELEASE_SQL
    freed = sql[sql.index("holder = '',") : sql.index("WHERE")]
    replace("monitoring.leases", "RELEASE_SQL", sql.replace(freed, "holder = holder "))
    replace("monitoring.leases", "release", lambda _term: False)


@mutation("a lease lasts five times as long as it should", "killed_holder.taken_over_s", beside=())
def long_lease() -> None:
    _lasting(30)


def _lasting(seconds: int) -> None:
    import_module("django.conf").settings.COLLECTOR_LEASE_TTL_SECONDS = seconds


@mutation(
    "a run that lost its lease writes its state all the same",
    "frozen_holder.late_states",
)
def fence_ignored() -> None:
    replace("monitoring.leases", "fence", lambda _term: True)


@mutation(
    "a trigger that is refused does not learn which run is in progress",
    "triggers.refused_without_run",
)
def nameless_refusal() -> None:
    def summary(outcome: Any) -> dict[str, object]:
        return {**whole(outcome), "runId": None}

    whole = replace("usage.api.runs", "run_summary", summary)


@mutation("a trigger takes twelve seconds", "triggers.sent", beside=())
def slow_trigger() -> None:
    def collect(*arguments: Any) -> Any:
        time.sleep(12)
        return at_once(*arguments)

    at_once = replace("usage.collector.collect", "collect", collect)
