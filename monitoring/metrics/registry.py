"""Metrics for Prometheus: those that the processes count, and gauges that are read from the
database at each scrape.

Counters of the web workers
* gunicorn sets `PROMETHEUS_MULTIPROC_DIR` before anything is imported (config/gunicorn.py): each
  worker counts in memory-mapped files of its own below `VAR_DIR/metrics/<port>`, and whichever
  worker is scraped adds up all of them.
* The folder is emptied when the server starts. When a worker ends, its counters are added to those
  of process 0 and its files go, so that totals never fall and files do not pile up. Without
  gunicorn a process exposes its own counters.
* prometheus_client's public support of several processes reads such files
  (`MultiProcessCollector`) and removes those of live gauges (`mark_process_dead`); it has nothing
  that folds the counters of a dead worker into another file. For that alone (`_add_values`) this
  uses its `MmapedDict`, which is the format of those files.

Gauges of everything else, the collector's among them, come from the database: the collector runs on
any host and has no port of its own; its runs, leases and failures are rows already, the same
whichever web process is scraped.

Labels are closed sets or names that staff chose. No metric carries a path, a user, a key or an
address.
"""

import logging
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from monitoring.logs import monitoring_kinds as kinds
from monitoring.metrics.exposition import text_of

logger = logging.getLogger(__name__)

Gauges = Callable[[], Iterable[Metric]]
# Of a dead process; its gauges mean nothing any more.
_ACCUMULATED = ("counter", "histogram", "summary")

_sources: dict[str, Gauges] = {}


def register_gauges(name: str, read: Gauges) -> None:
    """Add gauges that `read` takes from the database at each scrape, or replace those of that
    name."""
    _sources[name] = read


class _DatabaseGauges(Collector):
    """Every registered source; one that fails is shown by a gauge of its own and hides no other."""

    def collect(self) -> Iterator[Metric]:
        failed = GaugeMetricFamily(
            "monitoring_source_failed",
            "1 if the gauges of a source could not be read.",
            labels=["source"],
        )
        for name, read in _sources.items():
            try:
                found = list(read())
            except Exception:  # whatever broke, the others are still worth reading
                kinds.GAUGES_FAILED.log_exception(logger, logging.ERROR, source=name)
                failed.add_metric([name], 1)
                continue
            failed.add_metric([name], 0)
            yield from found
        yield failed


def exposition() -> bytes:
    """Everything in Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_DatabaseGauges())
    if folder := counting_folder():
        MultiProcessCollector(registry, str(folder))
        return text_of(registry.collect())
    return text_of(registry.collect()) + generate_latest(REGISTRY)


def summed(name: str) -> Iterator[tuple[dict[str, str], float]]:
    """Labels and value of each sample of a metric, over all workers."""
    registry = CollectorRegistry()
    if folder := counting_folder():
        MultiProcessCollector(registry, str(folder))
    for metric in (registry if folder else REGISTRY).collect():
        yield from (
            (sample.labels, sample.value) for sample in metric.samples if sample.name == name
        )


def counting_folder() -> Path | None:
    """Where the workers count; None if this process counts for itself."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    return Path(folder) if folder else None


def begin_counting(folder: Path) -> None:
    """Empty the folder; to be called before the first worker starts."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob("*.db"):
        file.unlink()


def fold_worker(folder: Path, pid: int) -> None:
    """Add a dead worker's counters to those of process 0 and remove its files; only one process may
    do so at a time."""
    for file in folder.glob(f"*_{pid}.db"):
        kind = file.name.split("_")[0]
        try:
            if kind in _ACCUMULATED:
                _add_values(file, folder / f"{kind}_0.db")
        except (RuntimeError, ValueError, struct.error):
            # Killed while it wrote: what it had counted is lost, which is better than a server that
            # stops.
            kinds.COUNTERS_UNREADABLE.log(logger, logging.WARNING, worker=pid)
        file.unlink()


def _add_values(source: Path, target: Path) -> None:
    kept = MmapedDict(str(target))
    try:
        for key, value, timestamp, _ in MmapedDict.read_all_values_from_file(str(source)):
            kept.write_value(key, kept.read_value(key)[0] + value, timestamp)
    finally:
        kept.close()
