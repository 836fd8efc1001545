"""What collectors count, wherever they run (monitoring/metrics/shared.py)."""

import time
from typing import TYPE_CHECKING

from monitoring.metrics.shared import SharedCounter, SharedHistogram
from usage.ingest.page_parser import COLUMNS

if TYPE_CHECKING:
    from usage.collector.runs import Ending, Run
    from usage.ingest.page_parser import Entry

_LATENCY = COLUMNS.index("latency_ms")

RUNS = SharedCounter(
    "usage_collector_runs",
    "Runs and polls that are over, by how they ended.",
    ["upstream", "trigger", "status"],
)
RUN_SECONDS = SharedHistogram(
    "usage_collector_run_duration_seconds",
    "How long runs and polls took.",
    ["upstream"],
    (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60),
)
EVENTS = SharedCounter(
    "usage_collector_events", "Elements, by what became of them.", ["upstream", "fate"]
)
QUEUE_WAIT = SharedHistogram(
    "usage_collector_queue_wait_seconds",
    "From the end of an attempt until it was popped: of the oldest event of each page.",
    ["upstream"],
    (0.5, 1, 2, 5, 10, 30, 60, 300, 3600),
)


def count_run(run: "Run", ending: "Ending") -> None:
    """Count a run or poll that is over."""
    name, total = run.upstream.name, run.total
    RUNS.inc(name, run.trigger.value, ending.status.value)
    RUN_SECONDS.observe(name, value=time.monotonic() - run.started)
    for fate in ("stored", "duplicates", "dead_lettered"):
        EVENTS.inc(name, fate, by=getattr(total, fate))


def count_wait(upstream: str, entries: "list[Entry]") -> None:
    """Count how long the oldest event of a page that has just been popped had waited."""
    if entries:
        oldest = min(map(_ended_at, entries))
        QUEUE_WAIT.observe(upstream, value=max(0.0, time.time() - oldest))


def _ended_at(entry: "Entry") -> float:
    return entry.timestamp.timestamp() + (entry.columns[_LATENCY] or 0) / 1000
