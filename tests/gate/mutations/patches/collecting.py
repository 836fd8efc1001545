"""Mistakes of the collector: events that are lost, late or miscounted."""

import itertools
import os
import sys
import threading
import time
from importlib import import_module
from typing import Any

from tests.gate.mutations.patches.replacing import replace
from tests.gate.mutations.registry import mutation

_LOADS = ("triggers", "ingest", "everything", "soak")
_FAULTS = (
    "database_restart",
    "upstream_restart",
    "ban",
    "killed_worker",
    "killed_holder",
    "frozen_holder",
    "full_disk",
)


@mutation(
    "rollups count one attempt more for each group that is added",
    *(f"{scenario}.sums_off" for scenario in (*_LOADS, "database_restart")),
)
def rollup_off_by_one() -> None:
    counts: dict[str, str] = import_module("usage.rollups.tables")._COUNTS
    counts["attempts"] = "count(*) + 1"


@mutation(
    "every other page is forgotten instead of stored",
    *(f"{scenario}.not_exact" for scenario in (*_LOADS, *_FAULTS)),
    may=("ingest.lag_p95_s", "*.stores_again_s", "killed_holder.taken_over_s"),
)
def dropped_page() -> None:
    pages = itertools.count()
    ingested = import_module("usage.ingest.store").Ingested

    def store_some(entries: list[Any], rejects: list[Any], *rest: Any) -> Any:
        if next(pages) % 2:
            return store(entries, rejects, *rest)
        return ingested(len(entries) + len(rejects), len(entries))

    store = replace("usage.collector.drain", "store", store_some)


@mutation("a spooled page stays there after it was stored", "leftovers.spooled")
def spool_kept() -> None:
    import_module("usage.collector.spool").SpoolFile.remove = lambda _file: None


@mutation(
    "a run takes two events and leaves the rest",
    "ingest.lag_p95_s",
    "ingest.expired",
    "soak.expired",
    beside=(),
)
def small_sips() -> None:
    replace("usage.collector.drain", "FIRST_COUNT", 2)
    import_module("usage.collector.fetch").Page.is_full = False


@mutation(
    "after an error the collector pauses for three quarters of a minute",
    "database_restart.stores_again_s",
    "upstream_restart.stores_again_s",
    "ban.stores_again_s",
    beside=(),
)
def long_pause() -> None:
    import_module("usage.collector.cadence").Cadence.after_failure = lambda _cadence: 45.0


@mutation("pages are popped though the spool has no room for them", "full_disk.taken", beside=())
def no_room_reserved() -> None:
    replace("os", "posix_fallocate", lambda *_: None)


@mutation(
    "a run that failed is reported as a success",
    "full_disk.reported_s",
    beside=(),
)
def silent_failure() -> None:
    poller = import_module("usage.collector.poller").Poller
    well, end = import_module("usage.collector.runs").SUCCEEDED, poller.end

    def end_well(self: Any, run: Any, _ending: Any) -> Any:
        return end(self, run, well)

    poller.end = end_well


@mutation(
    "the collector keeps two megabytes more every second",
    "soak.collector_mib_per_hour",
    may=("ingest.collector_mib",),
    beside=(),
)
def growing_collector() -> None:
    if "collect_usage" in sys.argv:
        threading.Thread(target=_grow, daemon=True).start()


def _grow() -> None:
    kept: list[bytes] = []
    while os.getpid():
        kept.append(b"x" * 2_000_000)
        time.sleep(1)
