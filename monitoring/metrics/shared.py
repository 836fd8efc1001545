"""Counters that live in the database: for what processes without a port count, such as collectors,
on whatever host.

    inc, observe --> counts of this process --every FLUSH_SECONDS, one statement--> added to the
    rows of the database --> /metrics of any web server

Rows only grow, so that they are counters for Prometheus whatever process restarts. A process that
is killed loses what it had not added yet, FLUSH_SECONDS at most; figures that must be exact come
from tables. What cannot be added because the database is away is kept and added later. Every web
server shows the same values: take the largest over instances, not the sum.
"""

import json
import logging
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import inf
from typing import Any

from django.db import Error as DatabaseError
from django.db import connection
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from monitoring.logs import monitoring_kinds as kinds
from monitoring.models import CounterTotal

logger = logging.getLogger(__name__)
FLUSH_SECONDS = 10.0
# Beyond that many series nothing new is counted.
MOST_SERIES = 5000
_ADD = """
/* monitoring.metrics.shared.add */
INSERT INTO monitoring_countertotal AS total (metric, labels, value)
SELECT * FROM unnest(%s::text[], %s::text[], %s::float8[]) AS added (metric, labels, value)
ORDER BY metric, labels
ON CONFLICT (metric, labels) DO UPDATE SET value = total.value + excluded.value
"""

Key = tuple[str, tuple[str, ...]]
Values = dict[tuple[str, ...], float]
_pending: dict[Key, float] = {}
_lock = threading.Lock()
_metrics: list["SharedCounter | SharedHistogram"] = []


def bucket_name(end: float) -> str:
    """The label `le` of a bucket that ends there."""
    return "+Inf" if end == inf else str(float(end))


def _add(key: Key, value: float) -> None:
    with _lock:
        if key in _pending or len(_pending) < MOST_SERIES:
            _pending[key] = _pending.get(key, 0.0) + value


class SharedCounter:
    """A counter with labels, whose values are closed sets or names that staff chose."""

    def __init__(self, name: str, help_text: str, labels: Sequence[str]) -> None:
        self.name, self._help, self._labels = name, help_text, labels
        _metrics.append(self)

    def inc(self, *labels: str, by: float = 1) -> None:
        """Count `by` more, of these values of the labels."""
        if by:
            _add((self.name, labels), by)

    def family(self, values: Values) -> Metric:
        """The metric with the values of all processes."""
        family = CounterMetricFamily(self.name, self._help, labels=self._labels)
        for labels, value in sorted(values.items()):
            family.add_metric(labels, value)
        return family


class SharedHistogram:
    """A histogram with labels; rows hold the counts of single buckets, and the sum."""

    def __init__(
        self, name: str, help_text: str, labels: Sequence[str], buckets: Sequence[float]
    ) -> None:
        self.name, self._help, self._labels = name, help_text, labels
        self._buckets = (*buckets, inf)
        self._ends = [bucket_name(end) for end in self._buckets]
        _metrics.append(self)

    def observe(self, *labels: str, value: float) -> None:
        """Count an observation, of these values of the labels."""
        _add((self.name, (*labels, self._ends[bisect_left(self._buckets, value)])), 1)
        _add((self.name, (*labels, "sum")), value)

    def family(self, values: Values) -> Metric:
        """The metric with the observations of all processes."""
        family = HistogramMetricFamily(self.name, self._help, labels=self._labels)
        for labels in sorted({labels[:-1] for labels in values}):
            counts = accumulate(values.get((*labels, end), 0) for end in self._ends)
            buckets = list(zip(self._ends, counts, strict=True))
            family.add_metric(labels, buckets, values.get((*labels, "sum"), 0.0))
        return family


CPU = SharedCounter(
    "monitoring_process_cpu_seconds", "CPU time of processes, by what they are.", ["process"]
)


def shared_metrics() -> Iterator[Metric]:
    """Every shared metric, with the values that all processes have added."""
    found: dict[str, Values] = {}
    for metric, labels, value in CounterTotal.objects.values_list("metric", "labels", "value"):
        found.setdefault(metric, {})[tuple(json.loads(labels))] = value
    for declared in _metrics:
        yield declared.family(found.get(declared.name, {}))


def flush() -> None:
    """Add what this process has counted; what the database does not take is kept. Raises
    DatabaseError."""
    with _lock:
        taken = dict(_pending)
        _pending.clear()
    if not taken:
        return
    keys = list(taken)
    columns: Any = [
        [k[0] for k in keys],
        [json.dumps(k[1]) for k in keys],
        [taken[k] for k in keys],
    ]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, columns)
    except BaseException:
        for key, value in taken.items():
            _add(key, value)
        raise


class Flushing(threading.Thread):
    """Adds what this process counts, again and again, until `end`."""

    def __init__(self, process: str) -> None:
        super().__init__(name="shared counters", daemon=True)
        self._process, self._stop_now = process, threading.Event()
        self._cpu = time.process_time()

    def run(self) -> None:
        while not self._stop_now.wait(FLUSH_SECONDS):
            self._flush()
            connection.close()

    def end(self) -> None:
        """Add what is left; for the end of the process."""
        self._stop_now.set()
        self._flush()

    def _flush(self) -> None:
        before, self._cpu = self._cpu, time.process_time()
        CPU.inc(self._process, by=self._cpu - before)
        try:
            flush()
        except DatabaseError as error:
            reason = str(error).split("\n")[0]
            kinds.COUNTERS_NOT_STORED.log(logger, logging.WARNING, error=reason)
            connection.close()
