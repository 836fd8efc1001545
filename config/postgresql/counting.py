"""What Prometheus shows of statements: the metrics of django-prometheus, whose own backend looks
them up and writes them while each statement is waited for."""

from functools import lru_cache, partial
from typing import Any

from django_prometheus.db import (
    connection_errors_total,
    connections_total,
    errors_total,
    execute_many_total,
    execute_total,
    query_duration_seconds,
)

from monitoring.logs.afterwards import afterwards

VENDOR = "postgresql"


@lru_cache(maxsize=256)
def _series(metric: Any, *labels: str) -> Any:
    return metric.labels(*labels)


def connecting(alias: str) -> None:
    """Count a new connection."""
    _series(connections_total, alias, VENDOR).inc()


def not_connected(alias: str) -> None:
    """Count a connection that could not be made."""
    _series(connection_errors_total, alias, VENDOR).inc()


def executed(alias: str, seconds: float, times: int | None) -> None:
    """Count a statement, or one that is executed so many times at once."""
    afterwards(partial(_executed, alias, seconds, times))


def _executed(alias: str, seconds: float, times: int | None) -> None:
    _series(execute_total, alias, VENDOR).inc(1 if times is None else times)
    if times is not None:
        _series(execute_many_total, alias, VENDOR).inc(times)
    _series(query_duration_seconds, alias, VENDOR).observe(seconds)


def failed(alias: str, error: Exception) -> None:
    """Count a statement that the database refused, by the type of psycopg's error."""
    kind = type(error.__cause__ or error).__name__
    _series(errors_total, alias, VENDOR, kind).inc()
