"""What a query about usage is measured by: its kind, how the cache responded, the sources, rows and
days; for the account of the request and the metrics."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from monitoring.logs.account import Account, current_account, separate_account, timed
from usage.history import metrics
from usage.history.planner import Source
from usage.history.windows import Interval

_DAY_SECONDS = 86_400


@dataclass
class Measurement:
    """One query as it goes: the outcome of the cache, empty where none is in between."""

    cache: str = ""


@contextmanager
def measured(kind: str) -> Iterator[Measurement]:
    """Measure a query of this kind, from the cache or not."""
    measurement = Measurement()
    with separate_account() as account, timed() as seconds:
        account.queries.add(kind)
        yield measurement
        if measurement.cache:
            account.cache.add(measurement.cache)
    _count(kind, measurement.cache or "none", account, seconds())


def _count(kind: str, cache: str, account: Account, seconds: float) -> None:
    metrics.QUERIES.labels(kind, cache).observe(seconds)
    metrics.ROWS.labels(kind).inc(account.rows)
    for source in account.sources:
        metrics.SOURCES.labels(kind, source).inc()


def note_plan(intervals: Sequence[Interval], sources: Iterable[Source]) -> None:
    """A query reads these intervals from these sources."""
    if intervals:
        span = intervals[-1].end - intervals[0].start
        note_sources([source.name for source in sources], span.total_seconds() / _DAY_SECONDS)


def note_sources(names: Collection[str], days: float) -> None:
    """The present request reads so many days from these sources."""
    account = current_account()
    account.sources.update(names)
    account.days = max(account.days, round(days, 2))
